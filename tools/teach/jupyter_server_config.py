"""JupyterLab's settings for this course: a lesson that is only opened is not changed, and a saved one keeps pictures.

tools/bootstrap.py copies this file into the environment. Without it, JupyterLab marks a lesson as changed when its
kernel starts, and asks on closing whether to save what the reader never did: it writes the version of Python into the
notebook, which the committed one leaves out so that it is the same for everybody. And a notebook that is saved after
running and opened again with a new kernel shows 'Error displaying widget' where its explorers were: the file then
holds references to sliders that lived in the old kernel.
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


def add_language(model, language):
    """Say in a notebook for the environment's own kernel which Python that is, in the words the kernel will use."""
    if model["type"] != "notebook" or model.get("content") is None:
        return
    metadata = model["content"]["metadata"]
    if metadata.get("kernelspec", {}).get("name") == "python3":
        metadata["language_info"] = dict(language)


def contents_manager():
    """Return a class that reads notebooks as JupyterLab would write them; files are read and written as ever."""
    from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager

    class CourseContentsManager(AsyncLargeFileManager):
        """The server's usual manager of files, but for `add_language`."""

        async def get(self, *arguments, **options):
            from ipykernel.ipkernel import IPythonKernel  # here, so that the server starts without it

            model = await super().get(*arguments, **options)
            add_language(model, IPythonKernel.language_info)
            return model

    return CourseContentsManager


if "get_config" in globals():  # so it is when a Jupyter server reads this file
    settings = globals()["get_config"]()
    settings.ContentsManager.pre_save_hook = keep_pictures
    settings.ServerApp.contents_manager_class = contents_manager()
