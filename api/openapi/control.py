"""The control plane as it is published."""

from __future__ import annotations

from hyperinfer.api.openapi.account_records import CreditsReply, CurrentKeyReply
from hyperinfer.api.openapi.admin_records import (
    ConsoleToken,
    KeyData,
    KeyReference,
    Keys,
    LedgerVerdict,
    MadeKey,
    NewKey,
    NewWorkspace,
    TopUpAmount,
    UsageReport,
    WorkspaceData,
    Workspaces,
)
from hyperinfer.api.openapi.errors import ERROR_CODE
from hyperinfer.api.openapi.records import (
    GenerationData,
    GenerationReply,
    Health,
    PlaygroundKey,
    PlaygroundKeyRequest,
    Readiness,
)
from hyperinfer.api.openapi.schemas import Family, about, amount, component
from hyperinfer.providers.listing import PublicBenchmark, PublicCreator, PublicMeta, PublicModel, PublicModels, PublicPricing

RECORDS = Family(
    records=(
        PublicModels,
        GenerationReply,
        CurrentKeyReply,
        CreditsReply,
        PlaygroundKeyRequest,
        PlaygroundKey,
        Workspaces,
        WorkspaceData,
        NewWorkspace,
        TopUpAmount,
        Keys,
        KeyData,
        NewKey,
        ConsoleToken,
        MadeKey,
        KeyReference,
        UsageReport,
        LedgerVerdict,
        Health,
        Readiness,
    ),
    fields={
        GenerationData: {"error_code": component(ERROR_CODE)},
        PublicModel: {
            "slug": about("creator/name, such as deepseek/deepseek-v4-pro: the `model` of a request."),
            "provider": about("Who made the model; never who serves it."),
            "description": about("A paragraph."),
            "release_date": about('YYYY-MM-DD; "" when it is not known.'),
            "pricing": about("USD per 1M tokens."),
            "datacenter_locations": about("Where the upstreams of the model are."),
            "benchmarks": about("Published scores, primary ones first; [] without any."),
            "available": about("Whether an upstream is configured for it."),
            "weekly_token_volume": about("Tokens of the last seven days (UTC), a minute old at most; absent without any."),
        },
        PublicCreator: {
            "slug": about("Such as deepseek."),
            "name": about("The name to show, such as DeepSeek."),
            "brand_color": about("Hexadecimal, such as #4D6BFE."),
        },
        PublicMeta: {
            "image_generation_configured": about("Whether the image tool has a provider."),
        },
        NewWorkspace: {"credits": amount()},
        TopUpAmount: {"amount": amount()},
        NewKey: {"limit_daily": amount(), "limit_monthly": amount(), "limit_total": amount()},
        PublicPricing: {"cached_prompt": about("Prompt tokens that were read from a cache.")},
        PublicBenchmark: {
            "label": about("The benchmark's published name, such as GPQA Diamond."),
            "source_url": about("Where the score was published."),
            "unit": about("%, unless it says otherwise."),
            "mode": about("The reasoning mode that was measured, such as High."),
        },
    },
)
