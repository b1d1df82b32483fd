"""How Sphinx makes the documentation: `make docs`, and CONTRIBUTING.md for how to change it."""

import hashlib
import logging
import os
import sys
from pathlib import Path

DOCS = Path(__file__).parent
ROOT = DOCS.parent
sys.path[:0] = [str(ROOT), str(DOCS / "_site")]

# What the pages' code runs with: this tree's dlstudy, the command beside this Python, and no word from TensorFlow.
os.environ["PYTHONPATH"] = os.pathsep.join(map(str, (ROOT, DOCS / "_site")))
os.environ["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "COLUMNS": "80"}
for name in ("DLSTUDY_HOME", "DLSTUDY_STORAGE", "MLFLOW_TRACKING_URI"):
    os.environ.pop(name, None)

project = "dlstudy"
extensions = [
    "command_pages",
    "repository_pages",
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["_site", "examples"]

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4  # as GitHub makes them

_CODE = hashlib.sha256(b"".join(path.read_bytes() for path in sorted((ROOT / "dlstudy").rglob("*.py")))).hexdigest()
nb_execution_mode = "cache"
nb_execution_cache_path = str(ROOT / "build" / "docs-cells" / _CODE[:12])  # another dlstudy runs all cells anew
nb_execution_timeout = 900
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_merge_streams = True
nb_output_stderr = "remove"  # warnings of other packages
suppress_warnings = ["myst-nb.lexer"]  # of cells that are not run: `make docs ARGS="-D nb_execution_mode=off"`
logging.getLogger("traitlets").setLevel(logging.ERROR)

autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 88
autodoc_member_order = "bysource"
default_role = "code"  # docstrings mark code by single backticks
nitpick_ignore_regex = [  # types of other projects, without their inventories, and inner ones of ours
    ("py:.*", r"(?!dlstudy).*"),
    ("py:class", r"dlstudy\.(analysis|runner|store|api\.plans|study\.(elsewhere|loader|phases))\..*"),
]

html_theme = "furo"
html_title = "dlstudy"
html_static_path = ["_site/static"]
html_css_files = ["dlstudy.css"]
html_show_sphinx = html_show_copyright = False
html_copy_source = False
copybutton_prompt_text = "!"  # of a command in a cell
