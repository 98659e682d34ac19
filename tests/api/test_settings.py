"""Settings: flags, the variables that say the same, and what cannot go together."""

from __future__ import annotations

from pathlib import Path

import pytest

from hyperinfer.api.recording.settings import RecordSettings
from hyperinfer.api.settings import (
    DATA,
    JSON,
    OTHER_VARIABLES,
    SERVE_FLAGS,
    SettingError,
    Settings,
    SettingsConflict,
    check_settings,
    known_variables,
    read_flag,
    read_settings,
    shared_servers,
)

SAID = {
    "host": ("::", "::"),
    "port": ("0", 0),
    "workers": ("4", 4),
    "config": ("a/b.yaml", Path("a/b.yaml")),
    "data": ("/var/lib/hi", Path("/var/lib/hi")),
    "edge": ("stock", "stock"),
    "outage": ("refuse", "refuse"),
    "certfile": ("c.pem", Path("c.pem")),
    "keyfile": ("k.pem", Path("k.pem")),
    "log_format": ("json", "json"),
    "log_level": ("warning", "warning"),
    "metrics": ("open", "open"),
    "console": ("off", False),
}


def test_the_defaults() -> None:
    settings = read_settings({}, {})
    assert settings == Settings()
    assert (settings.bind, settings.workers, settings.data) == ("127.0.0.1:8080", 1, Path("data"))


def test_every_flag_is_tried_here() -> None:
    # Those of recordings: below.
    assert {flag.attribute for flag in (*SERVE_FLAGS, DATA) if not flag.name.startswith("record")} == SAID.keys()


@pytest.mark.parametrize("name", SAID)
def test_every_flag_is_a_variable_too(name: str) -> None:
    text, value = SAID[name]
    assert getattr(read_settings({name: text}, {}), name) == value
    assert getattr(read_settings({}, {f"HYPERINFER_{name.upper()}": text}), name) == value
    assert f"HYPERINFER_{name.upper()}" in known_variables()


RECORDED = {
    "record_sample": ("0.01", RecordSettings(folder=Path("r"), sample=0.01)),
    "record_mb": ("2", RecordSettings(folder=Path("r"), folder_mb=2)),
    "record_file_mb": ("3", RecordSettings(folder=Path("r"), file_mb=3)),
    "record_bodies": ("off", RecordSettings(folder=Path("r"), bodies=False)),
}


def test_recordings_are_none_unless_there_is_a_folder() -> None:
    assert {flag.attribute for flag in SERVE_FLAGS if flag.name.startswith("record")} == {"record", *RECORDED}
    assert read_settings({"record": "r"}, {}).record == RecordSettings(folder=Path("r"))
    assert read_settings({}, {"HYPERINFER_RECORD": "r"}).record == RecordSettings(folder=Path("r"))
    for name, (text, settings) in RECORDED.items():
        assert read_settings({"record": "r", name: text}, {}).record == settings
        variable = f"HYPERINFER_{name.upper()}"
        assert variable in known_variables()
        assert read_settings({"record": "r"}, {variable: text}).record == settings
        with pytest.raises(SettingError, match=f"--{name.replace('_', '-')}: there is no --record"):
            read_settings({name: text}, {})


def test_settings_of_recordings_reach_a_worker() -> None:
    settings = RecordSettings(folder=Path("r"), sample=0.5, bodies=False)
    assert RecordSettings.heard(settings.told()) == RecordSettings(folder=Path("r").absolute(), sample=0.5, bodies=False)
    assert RecordSettings.heard(None) is None


def test_no_file_of_a_recording_is_larger_than_all() -> None:
    check_settings(Settings(record=RecordSettings(folder=Path("r"), folder_mb=4, file_mb=4)))
    with pytest.raises(SettingsConflict, match="--record-file-mb 5 is more than --record-mb 4"):
        check_settings(Settings(record=RecordSettings(folder=Path("r"), folder_mb=4, file_mb=5)))


def test_the_flag_wins_and_an_empty_variable_is_none() -> None:
    assert read_settings({"port": "1"}, {"HYPERINFER_PORT": "2"}).port == 1
    assert read_settings({"port": None}, {"HYPERINFER_PORT": "2"}).port == 2
    assert read_settings({}, {"HYPERINFER_PORT": ""}).port == 8080
    assert read_settings({"port": "1"}, {"HYPERINFER_PORT": "nonsense"}).port == 1


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("port", "http", "not a port (0 to 65535): 'http'"),
        ("port", "65536", "not a port"),
        ("port", "-1", "not a port"),
        ("port", "٨٠", "not a port"),
        ("record-sample", "1.5", "not a number from 0 to 1"),
        ("record-sample", "-1", "not a number from 0 to 1"),
        ("record-sample", "all", "not a number from 0 to 1"),
        ("record-mb", "0", "not a whole number from 1 on"),
        ("record-bodies", "some", "neither true nor false"),
        ("workers", "0", "not a whole number from 1 on"),
        ("workers", "two", "not a whole number from 1 on"),
        ("edge", "fast", "not one of "),
        ("outage", "wait", "not one of journal, refuse"),
    ],
)
def test_a_wrong_value_names_where_it_came_from(name: str, text: str, message: str) -> None:
    attribute = name.replace("-", "_")
    variable = f"HYPERINFER_{attribute.upper()}"
    with pytest.raises(SettingError) as by_variable:
        read_settings({}, {variable: text})
    assert str(by_variable.value).startswith(f"{variable}: {message}")
    with pytest.raises(SettingError) as by_flag:
        read_settings({attribute: text}, {})
    assert str(by_flag.value).startswith(f"--{name}: {message}")


def test_an_empty_flag_is_an_error() -> None:
    with pytest.raises(SettingError, match=r"--host: empty"):
        read_settings({"host": ""}, {})


@pytest.mark.parametrize(
    ("variable", "text", "message"),
    [
        ("HYPERINFER_BOOTSTRAP_KEY", "sk-abc", "must begin with 'hi-'"),
        ("HYPERINFER_BOOTSTRAP_KEY", "hi-", "must begin with 'hi-'"),
        ("HYPERINFER_BOOTSTRAP_KEY", "hi-a b", "must begin with 'hi-'"),
        ("HYPERINFER_BOOTSTRAP_CREDITS", "1e-20", "finer than 1e-12 USD"),
        ("HYPERINFER_BOOTSTRAP_CREDITS", "-1", "cannot be negative"),
        ("HYPERINFER_BOOTSTRAP_CREDITS", "much", "not an amount in USD"),
    ],
)
def test_the_first_start_is_checked_before_anything_starts(variable: str, text: str, message: str) -> None:
    with pytest.raises(SettingError) as caught:
        read_settings({}, {variable: text})
    assert str(caught.value).startswith(f"{variable}: {message}")


def test_a_switch() -> None:
    assert [read_flag(JSON, {}, {"HYPERINFER_JSON": text}) for text in ("1", "true", "YES", "off", "0", "")] == [
        True, True, True, False, False, None,
    ]  # fmt: skip
    with pytest.raises(SettingError, match=r"HYPERINFER_JSON: neither true nor false: 'maybe'"):
        read_flag(JSON, {}, {"HYPERINFER_JSON": "maybe"})


@pytest.mark.parametrize(
    ("host", "bind"), [("::1", "[::1]:8080"), ("[::1]", "[::1]:8080"), ("example.org", "example.org:8080")]
)
def test_the_address_to_listen_on(host: str, bind: str) -> None:
    assert Settings(host=host).bind == bind


POSTGRES = {"HYPERINFER_POSTGRES_URL": "postgres://u:hush@h/d"}
REDIS = {"HYPERINFER_REDIS_URL": "redis://:hush@h"}


@pytest.mark.parametrize(
    ("given", "environ", "message"),
    [
        ({"workers": "2"}, {}, "2 workers need the shared mode"),
        ({}, POSTGRES, "HYPERINFER_POSTGRES_URL is set and HYPERINFER_REDIS_URL is not"),
        ({}, REDIS, "HYPERINFER_REDIS_URL is set and HYPERINFER_POSTGRES_URL is not"),
        ({"certfile": "c"}, {}, "--certfile is given and --keyfile is not"),
        ({"keyfile": "c"}, {}, "--keyfile is given and --certfile is not"),
        ({"outage": "refuse"}, {}, "--outage refuse needs the shared mode"),
    ],
)
def test_impossible_settings(given: dict[str, str], environ: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsConflict) as caught:
        check_settings(read_settings(given, environ))
    assert str(caught.value).startswith(message)
    assert "hush" not in str(caught.value)


def test_possible_settings_and_secrets_that_do_not_print() -> None:
    check_settings(read_settings({"certfile": "c", "keyfile": "k"}, {}))
    shared = read_settings({"workers": "4"}, POSTGRES | REDIS)
    check_settings(shared)
    assert "hush" not in repr(shared) + repr(shared.shared)
    assert shared.shared == shared_servers(POSTGRES | REDIS)
    assert shared_servers({"HYPERINFER_POSTGRES_URL": ""}) is None


@pytest.mark.parametrize("name", ["HYPERINFER_POSTGRES_URL", "HYPERINFER_REDIS_URL"])
@pytest.mark.parametrize("url", ["user:hush@host", "mysql://u:hush@h", "/hush", "postgres:hush"])
def test_what_is_no_address_is_told_without_its_password(name: str, url: str) -> None:
    with pytest.raises(SettingError) as caught:
        read_settings({}, POSTGRES | REDIS | {name: url})
    assert str(caught.value).startswith(f"{name}: must begin with ")
    assert "hush" not in str(caught.value)


def test_secrets_have_no_flag() -> None:
    assert not {flag.variable for flag in SERVE_FLAGS} & OTHER_VARIABLES.keys()
