"""JupyterLab's settings for this course: a saved notebook keeps its explorers as pictures.

tools/bootstrap.py copies this file into the environment. Without it, a notebook that is saved after running and
opened again with a new kernel shows 'Error displaying widget' where its explorers were: the file then holds
references to sliders that lived in the old kernel.
"""

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def keep_pictures(model, **_):
    """Take live views that have a picture beside them, and their stored state, out of a notebook to be saved."""
    if model["type"] != "notebook" or model["content"]["nbformat"] != 4:
        return
    notebook = model["content"]
    notebook["metadata"].pop("widgets", None)
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            if "text/html" in output.get("data", {}):
                output["data"].pop(WIDGET_VIEW, None)


if "get_config" in globals():  # so it is when a Jupyter server reads this file
    globals()["get_config"]().ContentsManager.pre_save_hook = keep_pictures
