"""What a store says instead of doing it."""

from __future__ import annotations

from typing import Literal

RefusalCode = Literal["invalid", "not_found", "exists", "ambiguous", "unsupported"]


class Refused(Exception):
    """An administrative request that cannot be done as asked. The message is for the person who asked.

    Raises nothing else: whoever made the request is at fault, the store is well.
    """

    def __init__(self, code: RefusalCode, message: str) -> None:
        super().__init__(message)
        self.code: RefusalCode = code
        self.message = message


class StoreUnavailable(Exception):
    """The store cannot be opened or has been closed. The message says why and, where it is known, what to do."""


class StoreAway(StoreUnavailable):
    """The database is away. Gateways serve without it meanwhile, on what they know."""


class NoStore(StoreUnavailable):
    """There is no store in this folder, and what was asked would not make one."""


class FolderInUse(StoreUnavailable):
    """Another process serves this data folder. `ending`: whoever took it is gone; its last requests end by themselves."""

    def __init__(self, message: str, *, ending: bool = False) -> None:
        super().__init__(message)
        self.ending = ending


def no_workspace(reference: str) -> Refused:
    """Why a workspace that was named is not found."""
    message = f"no workspace with the id or name {reference!r}; `hyperinfer workspaces list` shows which there are"
    return Refused("not_found", message)


def workspace_exists(name: str) -> Refused:
    """Why a workspace cannot be made."""
    return Refused("exists", f"there is a workspace {name!r} already")


def secret_exists() -> Refused:
    """Why a key cannot be made."""
    return Refused("exists", "there is a key with this secret already")


def refusal_code(code: str) -> RefusalCode:
    """The code of a refusal that the writer's process tells."""
    return "not_found" if code == "not_found" else "exists" if code == "exists" else "invalid"


def reason_of(error: Exception) -> str:
    """Why a store did not do what it was asked, in words: those of a deadline have none of their own."""
    return str(error) or "no answer in time"
