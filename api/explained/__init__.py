"""What each error means, whose fault it is, and what to do: for docs/errors.md, and for pages that browsers get."""

from hyperinfer.api.explained.codes import EXPLAINED as EXPLAINED
from hyperinfer.api.explained.codes import Explanation as Explanation
from hyperinfer.api.explained.codes import explained as explained
from hyperinfer.api.explained.page import PAGE_HEADERS as PAGE_HEADERS
from hyperinfer.api.explained.page import error_page as error_page
from hyperinfer.api.explained.page import prefers_page as prefers_page

__all__ = ["EXPLAINED", "PAGE_HEADERS", "Explanation", "error_page", "explained", "prefers_page"]
