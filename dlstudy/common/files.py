"""Files that are written whole, and folders as the content of their files."""

from collections.abc import Mapping
from pathlib import Path

__all__ = ["Files", "read_files", "write_files", "write_whole"]

Files = Mapping[str, bytes]
"""The content of files by their path in a folder, with `/` between its parts."""


def write_whole(path: Path, content: str | bytes) -> Path:
    """Writes a file atomically, and the folders that it needs; returns the file's path.

    Raises:
        OSError: it cannot be written.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not path.is_file():  # a device or a pipe cannot be replaced
        path.write_bytes(data)
        return path
    target = path.resolve()
    part = target.with_name(f"{target.name}.part")
    try:
        part.write_bytes(data)
        part.replace(target)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    return path


def read_files(folder: Path) -> Files:
    """All files in a folder and below."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def write_files(files: Files, folder: Path) -> None:
    """Writes files into a folder, which is created."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"a file that was sent must be inside its folder, got {name!r}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
