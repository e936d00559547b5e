"""What the Dockerfile promises: no compiler, no root, no shell between signals and the server."""

import ast
import re

from gateway import ohif
from gateway.cli import _parser
from tests.image.dockerfile import ROOT, ignored, instructions

FINAL = max(one.stage for one in instructions())


def final(name):
    return [one for one in instructions() if one.stage == FINAL and one.name == name]


def test_stages_have_the_same_base_whose_version_is_given():
    base = next(one.text for one in instructions() if one.name == "ARG" and one.stage == 0)
    assert re.fullmatch(r"PYTHON=python:3\.\d+-slim-\w+", base)
    used = [one.text.partition(" AS ") for one in instructions() if one.name == "FROM"]
    names = [name for _, _, name in used]
    others = [text for text, _, _ in used if text not in names and "VIEWER" not in text]
    assert others == ["${PYTHON}", "${NODE}", "${PYTHON}"]


def test_the_viewer_is_left_out_unless_it_is_asked_for():
    arguments = dict(
        one.text.split("=", 1) for one in instructions() if one.name == "ARG" and one.stage == 0
    )
    assert arguments["VIEWER"] == "none"
    made = [one.text for one in instructions() if one.name == "FROM"]
    assert "viewer-${VIEWER} AS viewer" in made
    stages = {text.partition(" AS ")[2] for text in made}
    assert stages >= {"viewer-none", "viewer-ohif"}


def test_the_viewer_is_the_one_that_the_gateway_knows_and_where_it_looks():
    [packed] = [one.text for one in instructions() if "npm pack" in one.text]
    assert packed == f"npm pack {ohif.PACKAGE}"
    [added] = [one.text.split()[1:] for one in instructions() if "--from=npm" in one.text]
    assert added[0] == f"/package/ohif-app-{ohif.VERSION}.tgz"
    [command] = [one.text for one in instructions() if "viewer --into" in one.text]
    program, *words = command.split()
    assert program.startswith("/opt/gateway/bin/")
    chosen = _parser().parse_args(words)
    assert str(chosen.archive) == added[1]
    copied = [one.text.split() for one in final("COPY") if "--from=viewer" in one.text]
    assert [source for _, source, _ in copied] == [str(chosen.into)]
    assert f"GATEWAY_VIEWER_DIR={copied[0][2]} " in final("ENV")[0].text


def test_the_user_is_a_number_and_not_root_when_the_server_starts():
    users = [one.text for one in final("USER")]
    assert users == ["10001:10001"]
    names = [one.name for one in instructions() if one.stage == FINAL]
    assert names.index("USER") > max(n for n, name in enumerate(names) if name == "RUN")


def test_signals_reach_the_server():
    [entry], [command] = final("ENTRYPOINT"), final("CMD")
    assert [*entry.words, *command.words] == ["dicomweb-gateway", "serve"]
    assert [one.text for one in final("STOPSIGNAL")] == ["SIGTERM"]


def test_the_image_is_built_of_pinned_wheels_and_keeps_no_cache():
    built = [one.text for one in instructions() if one.name == "RUN" and "pip" in one.text]
    assert len(built) == 2
    for command in built:
        assert "--no-cache-dir" in command
    assert "--constraint constraints.txt" in built[0]
    assert "--only-binary=:all:" in built[0]  # nothing is compiled, and no set-up script is run
    assert "--no-index" in built[1]
    assert not [one for one in final("RUN") if re.search(r"pip|apt|gcc", one.text)]


def test_health_is_asked_by_python_at_the_port_of_the_setting():
    [check] = final("HEALTHCHECK")
    words = check.text[check.text.index("CMD [") + 4 :]
    program, option, code = ast.literal_eval(words)
    assert (program, option) == ("python", "-c")
    compile(code, "HEALTHCHECK", "exec")
    assert "/healthz" in code
    assert "GATEWAY_PORT" in code
    assert [one.text for one in final("EXPOSE")] == ["8080"]


def test_what_is_copied_is_there_and_not_ignored():
    let, kept_out = ignored()
    assert "*" in kept_out
    copied = []
    for one in instructions():
        if one.name == "COPY" and "--from" not in one.text:
            copied += one.text.split()[:-1]
    assert sorted(copied) == sorted(let)
    assert all((ROOT / path).exists() for path in copied)


def test_the_folder_to_write_to_is_the_users_home_and_the_charts_mount():
    home = re.search(r"HOME=(\S+)", final("ENV")[0].text)[1]
    assert [one.text for one in final("VOLUME")] == [f'["{home}"]']
    assert f"mode=0700 {home}" in final("RUN")[0].text
    deployment = ROOT / "helm" / "dicomweb-gateway" / "templates" / "deployment.yaml"
    assert f"mountPath: {home}\n" in deployment.read_text()
    assert "runAsUser: 10001\n" in deployment.read_text()
