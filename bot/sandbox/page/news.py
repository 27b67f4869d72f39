"""What changes in the workspace becomes news for the pages; who may see it is asked when it is sent."""

from bot.sandbox.page import shapes
from bot.sandbox.page.events import Drawing, Hub
from bot.sandbox.slack.records import Channel, Ephemeral, Message, View
from bot.sandbox.slack.workspace import Workspace


class WorkspaceNews:
    """A watcher of one workspace."""

    def __init__(self, workspace: Workspace, hub: Hub) -> None:
        self._workspace = workspace
        self._hub = hub
        workspace.watchers.append(self._changed)

    def unread(self, place: Channel) -> None:
        """The number of unread messages is another one, for somebody at least."""

        def draw(viewer: str) -> Drawing | None:
            if viewer not in place.members:
                return None
            return "unread", {"channel": place.id, "unread": self._workspace.unread(viewer, place.id)}

        self._hub.publish(("unread", place.id), draw)

    def _changed(self, what: Message | Ephemeral | View) -> None:
        if isinstance(what, View):
            self._view(what)
            return
        self._message(what)
        if isinstance(what, Message):
            if what.is_reply and what.thread_ts is not None:
                parent = self._workspace.message(what.channel, what.thread_ts)
                if parent is not None:
                    self._message(parent)
            elif len(what.versions) == 1 or what.deleted:
                self.unread(self._workspace.channels[what.channel])

    def _message(self, what: Message | Ephemeral) -> None:
        def draw(viewer: str) -> Drawing | None:
            if isinstance(what, Ephemeral):
                if what.user != viewer or not what.delivered:
                    return None
            elif viewer not in self._workspace.channels[what.channel].members:
                return None
            if what.deleted:
                return "gone", {"channel": what.channel, "ts": what.ts}
            return "message", shapes.message(self._workspace, what, viewer)

        self._hub.publish(("message", what.channel, what.ts), draw)

    def _view(self, what: View) -> None:
        is_home = what.type == "home"

        def draw(viewer: str) -> Drawing | None:
            if what.user != viewer:
                return None
            if is_home:
                home = self._workspace.homes.get(viewer)
                return "home", {"home": shapes.view(home) if home is not None else None}
            return "views", {"views": [shapes.view(view) for view in self._workspace.stack(viewer)]}

        self._hub.publish(("home" if is_home else "views", what.user), draw)
