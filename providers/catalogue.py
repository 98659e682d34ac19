"""`providers.yaml`: the catalogue of providers, models and prices."""

from collections.abc import Mapping

from hyperinfer.providers.catalogue_records import Benchmark as Benchmark
from hyperinfer.providers.catalogue_records import Breaker as Breaker
from hyperinfer.providers.catalogue_records import Catalogue as Catalogue
from hyperinfer.providers.catalogue_records import CatalogueErrors as CatalogueErrors
from hyperinfer.providers.catalogue_records import Creator as Creator
from hyperinfer.providers.catalogue_records import CustomNode as CustomNode
from hyperinfer.providers.catalogue_records import EgressRules as EgressRules
from hyperinfer.providers.catalogue_records import Feature as Feature
from hyperinfer.providers.catalogue_records import Limits as Limits
from hyperinfer.providers.catalogue_records import Model as Model
from hyperinfer.providers.catalogue_records import Pricing as Pricing
from hyperinfer.providers.catalogue_records import Problem as Problem
from hyperinfer.providers.catalogue_records import Provider as Provider
from hyperinfer.providers.catalogue_records import Route as Route
from hyperinfer.providers.catalogue_records import RouteBy as RouteBy
from hyperinfer.providers.catalogue_records import Timeouts as Timeouts
from hyperinfer.providers.catalogue_records import Tool as Tool
from hyperinfer.providers.catalogue_sections import read_catalogue
from hyperinfer.providers.catalogue_yaml import Report, Value, read_document


def load(text: str, environ: Mapping[str, str], source_name: str = "providers.yaml") -> Catalogue:
    """The catalogue that `text` describes, with `${NAME}` taken from `environ`.

    Pure: a reload is another call. Raises CatalogueErrors with every problem of the file, sorted by line; an empty
    text is an empty catalogue with the demo models.
    """
    report = Report(source_name)
    read: list[Catalogue] = []

    def read_root(root: Value) -> None:
        read.append(read_catalogue(root, environ, report))

    read_document(text, report, read_root)
    if report.problems or not read:
        pipeline = read[0].pipeline if read else ()
        raise CatalogueErrors(sorted(report.problems, key=lambda problem: problem.line), pipeline)
    return read[0]
