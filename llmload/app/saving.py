"""Where the result of a run goes: the files that were named, while it goes on and at its end, and a place of refuge."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from llmload.app import history
from llmload.app.checkpoint import Checkpoint
from llmload.errors import OutputError
from llmload.reports import REPORTS, Report, files
from llmload.reports.result import Result

__all__ = ["Saving"]


class Saving:
    """``checkpoint`` is to be among the run's outputs; ``save`` comes after it.

    A run that was given no file keeps its result in the user's state directory (see ``history``).
    """

    def __init__(self, destinations: Sequence[str], reports: Sequence[tuple[Report, str]] = ()) -> None:
        """``reports``: how and where else the result is to be written at the end. Raises OutputError if one of the
        places can't be written."""
        for destination in (*destinations, *(path for _, path in reports)):
            files.check_writable(destination)
        self._reports = tuple(reports)
        self._destinations = tuple(destinations)
        named = [Path(destination) for destination in destinations if files.is_file(destination)]
        self._named = named[0] if named else None
        self._unasked = None if named else history.place()
        self._remembered = False
        self.checkpoint = Checkpoint([*named, *([self._unasked] if self._unasked else [])], kept=self._remember)

    def save(self, result: Result) -> None:
        """Write it everywhere; a place that can't be written takes nothing from the others.

        Raises OutputError that names such places and, where nothing else holds the result, says where it is instead.
        """
        document = REPORTS["json"](result)
        failed = [str(error) for destination in self._destinations if (error := _problem(destination, document))]
        kept = str(self._unasked) if self._unasked and not _problem(str(self._unasked), document) else ""
        if kept or len(failed) < len(self._destinations):
            self._remember()
        if failed and (kept or len(failed) == len(self._destinations)):
            kept = kept or _refuge(document)
            failed.append(f"the result is in {kept} instead" if kept else "the result is nowhere but in the report")
        failed += [str(error) for report, path in self._reports if (error := _problem(path, report(result)))]
        if failed:
            raise OutputError("; ".join(failed))

    def _remember(self) -> None:
        """Among the last runs is only one that left something: a command that fails before its run takes no place."""
        if self._remembered:
            return
        self._remembered = True
        if self._named is not None:
            history.link(self._named)
        history.forget()


def _problem(destination: str, document: bytes) -> OutputError | None:
    try:
        files.write(destination, document)
    except OutputError as error:
        return error
    return None


def _refuge(document: bytes) -> str:
    """A path outside the places that were named, "" if none would take it."""
    place = history.place()
    if place is not None and not place.is_symlink() and not _problem(str(place), document):
        history.forget()
        return str(place)
    return files.rescue(document)
