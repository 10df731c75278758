"""slixmpp-omemo with keys kept in memory and every new device trusted: enough for a test account."""

import asyncio

import oldmemo
import slixmpp
from omemo.session_manager import SessionManager
from omemo.storage import Just, Maybe, Nothing, Storage
from slixmpp.plugins.base import register_plugin
from slixmpp_omemo import XEP_0384, TrustLevel, xep_0384


class MemoryStorage(Storage):
    def __init__(self):
        super().__init__()
        self._values = {}

    async def _load(self, key: str) -> Maybe:
        return Just(self._values[key]) if key in self._values else Nothing()

    async def _store(self, key: str, value) -> None:
        self._values[key] = value

    async def _delete(self, key: str) -> None:
        self._values.pop(key, None)


class BlindTrustOmemo(XEP_0384):
    def plugin_init(self) -> None:
        self._memory = MemoryStorage()
        super().plugin_init()

    @property
    def storage(self) -> Storage:
        return self._memory

    @property
    def _btbv_enabled(self) -> bool:
        return True

    async def _prompt_manual_trust(self, manually_trusted, identifier) -> None:
        raise NotImplementedError("blind trust never asks")


class LegacyOmemo(BlindTrustOmemo):
    """Only `eu.siacs.conversations.axolotl`, as most clients in use, and no key published or fetched twice.

    For recordings: most of their bytes are keys.
    """

    def plugin_init(self) -> None:
        self._created: asyncio.Task | None = None
        super().plugin_init()

    async def get_session_manager(self) -> SessionManager:
        if self._created is None:
            self._created = asyncio.create_task(self._create())
        return await self._created

    async def _create(self) -> SessionManager:
        manager = await xep_0384._make_session_manager(self.xmpp, self).create(
            [oldmemo.Oldmemo(self.storage)],
            self.storage,
            self.xmpp.boundjid.bare,
            initial_own_label=None,
            undecided_trust_level_name=TrustLevel.UNDECIDED.value,
            # A used-up key is replaced when few are left, not at once.
            pre_key_refill_threshold=25,
        )
        await manager.after_history_sync()
        self.xmpp.event("omemo_initialized")
        return manager


def add_omemo(client: slixmpp.ClientXMPP, legacy_only: bool) -> None:
    # slixmpp knows plugins by name and takes the class registered last.
    register_plugin(LegacyOmemo if legacy_only else BlindTrustOmemo)
    client.register_plugin("xep_0384")
