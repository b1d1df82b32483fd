"""The commands that open a web page of another tool."""

from typing import Annotated

import typer

from dlstudy.cli.options import HomeOption, OpenOption, PortOption, StorageOption, TrackingOption

__all__ = ["dashboard", "tensorboard", "ui"]


def ui(
    study: Annotated[str | None, typer.Argument(help="Open this study's runs.")] = None,
    home: HomeOption = None,
    tracking_uri: TrackingOption = None,
    port: PortOption = 5000,
    open: OpenOption = True,
) -> None:
    """Browse the runs in MLflow's web interface, on 127.0.0.1."""
    from dlstudy.cli.mlflow_ui import serve_mlflow
    from dlstudy.store.home import Home

    serve_mlflow(study, Home.at(home), tracking_uri, port, open)


def dashboard(
    study: Annotated[str | None, typer.Argument(help="Only this study's searches.")] = None,
    home: HomeOption = None,
    storage: StorageOption = None,
    port: PortOption = 8080,
    open: OpenOption = True,
) -> None:
    """Browse a copy of the searches in Optuna Dashboard, on 127.0.0.1."""
    from dlstudy.cli.optuna_dashboard import serve_dashboard
    from dlstudy.store.home import Home

    serve_dashboard(study, Home.at(home), storage, port, open)


def tensorboard(
    study: Annotated[str | None, typer.Argument(help="Only this study's logs.")] = None,
    home: HomeOption = None,
    port: PortOption = 6006,
    open: OpenOption = True,
) -> None:
    """Browse the TensorBoard logs that studies wrote, on 127.0.0.1."""
    from dlstudy.cli.tensorboard import serve_tensorboard
    from dlstudy.store.home import Home

    serve_tensorboard(study, Home.at(home), port, open)
