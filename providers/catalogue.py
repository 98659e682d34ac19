"""`providers.yaml`: the catalogue of providers, models and prices."""

from hyperinfer.providers.catalogue_records import Benchmark as Benchmark
from hyperinfer.providers.catalogue_records import Catalogue as Catalogue
from hyperinfer.providers.catalogue_records import CatalogueErrors as CatalogueErrors
from hyperinfer.providers.catalogue_records import Creator as Creator
from hyperinfer.providers.catalogue_records import Feature as Feature
from hyperinfer.providers.catalogue_records import Limits as Limits
from hyperinfer.providers.catalogue_records import Model as Model
from hyperinfer.providers.catalogue_records import Pricing as Pricing
from hyperinfer.providers.catalogue_records import Problem as Problem
from hyperinfer.providers.catalogue_records import Provider as Provider
from hyperinfer.providers.catalogue_records import Route as Route
from hyperinfer.providers.catalogue_records import Timeouts as Timeouts
from hyperinfer.providers.catalogue_records import Tool as Tool
