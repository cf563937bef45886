"""Filters that are installed: dotted names, entry points, and what must not be taken for one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from running import QUIET, Done, failed, mailscan, policy

SOURCE = '''"""Says no."""
from mailscan import reject


class TooMany:
    """Refuse all of it."""

    limit: int = 3

    def check(self, mail, outside):
        return reject(f"No {self.limit}")
'''


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder on Python's path with a distribution that has an entry point."""
    site = tmp_path / "site"
    package = site / "acme_mail"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "filters.py").write_text(SOURCE)
    (package / "crash.py").write_text("\n1/0\n")
    info = site / "acme_mail-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-mail\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[mailscan.filters]\nacme-many = acme_mail.filters:TooMany\nspamtrap = acme_mail.filters:TooMany\n"
    )
    return site


def scan(site: Path, use: str, keys: str = "", *args: str) -> Done:
    path = policy(site.parent, f'{QUIET}[[filter]]\nuse = "{use}"\n{keys}\n')
    return mailscan("--policy", path, *args, PYTHONPATH=f"{os.pathsep.join([str(site), *PROJECT])}")


PROJECT = [str(Path(__file__).parent.parent)]


def test_what_is_not_there_is_one_line(site: Path) -> None:
    for use, said in (
        ("acme_mial.filters", "there is no module 'acme_mial' installed; did you mean 'acme_mail'"),
        ("acme_mail.filtres", "there is no module 'acme_mail.filtres' installed; did you mean 'filters'"),
        ("acme_mail.filters:TooFew", "acme_mail.filters:TooFew: has no `TooFew`"),
        ("acme-mani", "there is no filter 'acme-mani'; did you mean 'acme-many'"),
        ("acme_mail", "there is no filter 'acme_mail'"),
        ("json.decoder", "there is no filter 'json.decoder': the module has no function"),
        ("a b.c", "'a b.c' is no dotted name"),
        (
            "subprocess:check_output",
            "subprocess:check_output: `check_output` is of `subprocess`, and was not",
        ),
        ("mailscan.answers:reject", "`reject` is of `mailscan`, and was not written to judge mail"),
        ("math:atan2", "math:atan2: `atan2` is of `math`"),
    ):
        failed(scan(site, use), rf"\[\[filter\]\] 1 .*{said}")
    # A module that crashes is the failure of its rule.
    assert "crash.py:2: ZeroDivisionError" in scan(site, "acme_mail.crash").err
    assert scan(site, "acme_mail.crash", 'on_error = "ignore"').status == 0


def test_a_built_in_filter_cannot_be_shadowed(site: Path) -> None:
    assert scan(site, "spamtrap", 'addresses = ["x@y.example"]\naction = "reject"').status == 0


def test_the_current_directory_is_not_on_the_path(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(site)
    path = policy(site.parent, f'{QUIET}[[filter]]\nuse = "acme_mail.filters"\n')
    failed(mailscan("--policy", path), "there is no module 'acme_mail' installed")


@pytest.mark.parametrize("use", ["acme_mail.filters", "acme_mail.filters:TooMany", "acme-many"])
def test_it_judges_with_its_keys(site: Path, use: str) -> None:
    assert scan(site, use).out == b"5.7.1 No 3\n"
    assert scan(site, use, "limit = 7").out == b"5.7.1 No 7\n"
    failed(scan(site, use, "limti = 7"), "unknown key 'limti'; did you mean 'limit'")


def test_a_module_that_anyone_may_write_is_refused_before_it_runs(site: Path) -> None:
    (site / "acme_mail" / "filters.py").chmod(0o666)
    done = scan(site, "acme_mail.filters")
    assert (done.status, done.out) == (75, b"4.3.0 Message could not be checked\n")
    assert "filters.py: anyone may write to it" in done.err


def test_filters_lists_what_is_installed(site: Path) -> None:
    path = os.pathsep.join([str(site), *PROJECT])
    listed = mailscan("filters", PYTHONPATH=path).out.decode()
    assert "\ninstalled:\n" in listed
    assert "acme-many     Refuse all of it.\n" in listed
    assert b"limit = a whole number" in mailscan("filters", "acme-many", PYTHONPATH=path).out
    assert b"limit = a whole number" in mailscan("filters", "acme_mail.filters", PYTHONPATH=path).out
