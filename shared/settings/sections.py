"""All settings: one frozen model per section of `config.toml`; names and bounds as documented.

An environment variable is `{SECTION}_{KEY}`, or `{KEY}` for the section `app`; `__` reaches inside a value.
"""

from typing import Literal

from shared.settings.dreaming import DreamSettings as DreamSettings
from shared.settings.dreaming import SurprisalSettings as SurprisalSettings
from shared.settings.observability import MetricsSettings as MetricsSettings
from shared.settings.observability import OtelSettings as OtelSettings
from shared.settings.observability import SentrySettings as SentrySettings
from shared.settings.observability import TelemetrySettings as TelemetrySettings
from shared.settings.providers import EmbeddingSettings as EmbeddingSettings
from shared.settings.providers import Feature as Feature
from shared.settings.providers import LlmSettings as LlmSettings
from shared.settings.reasoning import DeriverSettings as DeriverSettings
from shared.settings.reasoning import DialecticSettings as DialecticSettings
from shared.settings.reasoning import LevelSettings as LevelSettings
from shared.settings.reasoning import PeerCardSettings as PeerCardSettings
from shared.settings.reasoning import SummarySettings as SummarySettings
from shared.settings.section import Section as Section
from shared.settings.service import ApiSettings as ApiSettings
from shared.settings.service import AppSettings as AppSettings
from shared.settings.service import AuthSettings as AuthSettings
from shared.settings.service import BudgetSettings as BudgetSettings
from shared.settings.service import CanarySettings as CanarySettings
from shared.settings.service import OfflineSettings as OfflineSettings
from shared.settings.service import UsageSettings as UsageSettings
from shared.settings.service import WebhookSettings as WebhookSettings
from shared.settings.storage import CacheSettings as CacheSettings
from shared.settings.storage import DbSettings as DbSettings
from shared.settings.storage import QueueSettings as QueueSettings
from shared.settings.storage import TickSettings as TickSettings
from shared.settings.storage import VectorStoreSettings as VectorStoreSettings


class Settings(Section):
    """Everything an operator may set."""

    app: AppSettings = AppSettings()
    api: ApiSettings = ApiSettings()
    db: DbSettings = DbSettings()
    auth: AuthSettings = AuthSettings()
    cache: CacheSettings = CacheSettings()
    llm: LlmSettings = LlmSettings()
    embedding: EmbeddingSettings = EmbeddingSettings()
    deriver: DeriverSettings = DeriverSettings()
    peer_card: PeerCardSettings = PeerCardSettings()
    dialectic: DialecticSettings = DialecticSettings()
    summary: SummarySettings = SummarySettings()
    dream: DreamSettings = DreamSettings()
    usage: UsageSettings = UsageSettings()
    budget: BudgetSettings = BudgetSettings()
    vector_store: VectorStoreSettings = VectorStoreSettings()
    queue: QueueSettings = QueueSettings()
    tick: TickSettings = TickSettings()
    webhook: WebhookSettings = WebhookSettings()
    metrics: MetricsSettings = MetricsSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    otel: OtelSettings = OtelSettings()
    sentry: SentrySettings = SentrySettings()
    offline: OfflineSettings = OfflineSettings()
    canary: CanarySettings = CanarySettings()

    @property
    def lease_seconds(self) -> int:
        """For how long a worker holds the work it took, unless it says how long it needs."""
        minutes = self.deriver.stale_session_timeout_minutes
        return self.queue.lease_seconds if minutes is None else minutes * 60

    def namespace(self, section: Literal["cache", "vector_store", "metrics", "telemetry"]) -> str:
        """The namespace of a section: its own, else that of the service."""
        own: CacheSettings | VectorStoreSettings | MetricsSettings | TelemetrySettings = getattr(self, section)
        return own.namespace or self.app.namespace
