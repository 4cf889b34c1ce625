"""The `cost` verb: what a month costs in each profile, before anything is deployed."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Final

from infra.deploy import parameters
from infra.deploy.account import Refused
from infra.deploy.bill import Line, Traffic, bill, by_service, total
from infra.deploy.footprint import footprint
from infra.deploy.plan import PROFILES, TEMPLATE
from infra.deploy.prices import FROM_MEMORY, price_table
from infra.local.cloudformation import TemplateError
from shared.domain.usage import Tokens
from shared.llm.prices import load_prices
from shared.settings.models import DEFAULT_EMBEDDING_MODELS, DEFAULT_MODELS

_MODEL: Final = "openai/" + DEFAULT_MODELS["openai"]
_EMBEDDING: Final = "openai/" + DEFAULT_EMBEDDING_MODELS["openai"]
_MESSAGES: Final = 30_000
_REQUESTS_TO_A_MESSAGE: Final = 2.5
_MESSAGES_TO_A_CHAT: Final = 10
# Input and output tokens of a call, and messages to one of them, by what it is for.
_TOKENS: Final[Mapping[str, tuple[int, int, float]]] = {
    "derivations": (2_500, 300, 5),
    "summaries": (3_000, 250, 15),
    "chats": (12_000, 400, _MESSAGES_TO_A_CHAT),
    "dreams": (40_000, 2_000, 500),
}
_TOKENS_OF_A_MESSAGE: Final = 100


@dataclass(frozen=True, slots=True)
class ModelCost:
    """What the models cost, and of how many tokens; `usd` is None for a model whose price nobody knows."""

    model: str
    input_tokens: int
    output_tokens: int
    usd: float | None


def cost(argv: list[str]) -> int:
    """Estimate a month's bill of AWS and of the models, by profile."""
    arguments = _parser().parse_args(argv)
    try:
        given = parameters.given(arguments.parameter)
        problems = parameters.objections(parameters.declared(TEMPLATE), given, before={})
        if problems:
            raise Refused("\n".join(problems))
        traffic = _traffic(arguments)
        profiles = (arguments.profile,) if arguments.profile else PROFILES
        bills = {
            profile: bill(
                footprint(TEMPLATE, {**given, "Profile": profile}),
                traffic,
                price_table(),
                with_free_tier=arguments.free_tier,
            )
            for profile in profiles
        }
    except (Refused, TemplateError) as error:
        print(error, file=sys.stderr)
        return 1
    models = _models(arguments, traffic)
    if arguments.json:
        print(json.dumps(_document(traffic, bills, models), indent=1))
    else:
        _print(traffic, bills, models, arguments)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m infra cost",
        description=cost.__doc__,
        epilog="Prices are those of US East, on demand (infra/deploy/prices.toml says from where and when); memory"
        " sizes, instances, gateways, alarms and schedules come from template.yaml, durations are assumed"
        " (infra/deploy/bill.py). Nothing is asked of AWS.",
    )
    parser.add_argument("--profile", choices=PROFILES, help="only this one, line by line")
    parser.add_argument("--messages", type=_amount, default=_MESSAGES, help="a month (default %(default)s)")
    parser.add_argument("--requests-per-month", type=_amount, help="all requests (default: 2.5 to a message)")
    parser.add_argument("--chats", type=_amount, help="of these questions to chat (default: a tenth of the messages)")
    parser.add_argument("--storage-gb", type=_amount, default=5, help="in the database (default %(default)s)")
    parser.add_argument(
        "--awake-hours", type=_amount, default=90, help="of a database that pauses (default %(default)s)"
    )
    parser.add_argument("--model", default=_MODEL, help="as in the logs, provider/model (default %(default)s)")
    parser.add_argument("--input-tokens", type=_amount, help="of the model (default: worked out from the messages)")
    parser.add_argument("--output-tokens", type=_amount, help="of the model (default: worked out from the messages)")
    parser.add_argument("--parameter", action="append", default=[], metavar="K=V", help="a parameter of template.yaml")
    parser.add_argument("--free-tier", action="store_true", help="take off what AWS gives for nothing each month")
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    return parser


def _amount(text: str) -> float:
    number = float(text)
    if not 0 <= number < 1e15:
        raise argparse.ArgumentTypeError(f"{text} is no amount")
    return number


def _traffic(arguments: argparse.Namespace) -> Traffic:
    chats = arguments.messages / _MESSAGES_TO_A_CHAT if arguments.chats is None else arguments.chats
    requests = arguments.requests_per_month
    if requests is None:
        requests = arguments.messages * _REQUESTS_TO_A_MESSAGE
    return Traffic(max(requests, chats), arguments.messages, chats, arguments.storage_gb, arguments.awake_hours)


def _models(arguments: argparse.Namespace, traffic: Traffic) -> tuple[ModelCost, ...]:
    calls = {name: traffic.messages / every for name, (_, _, every) in _TOKENS.items()} | {"chats": traffic.chats}
    read = sum(calls[name] * tokens for name, (tokens, _, _) in _TOKENS.items())
    written = sum(calls[name] * tokens for name, (_, tokens, _) in _TOKENS.items())
    taken = Tokens(
        input=int(read if arguments.input_tokens is None else arguments.input_tokens),
        output=int(written if arguments.output_tokens is None else arguments.output_tokens),
    )
    embedded = Tokens(input=int(traffic.messages * _TOKENS_OF_A_MESSAGE), output=0)
    return (_priced(arguments.model, taken), _priced(_EMBEDDING, embedded))


def _priced(model: str, tokens: Tokens) -> ModelCost:
    price = load_prices(None).find(model, datetime.now(UTC).date())
    return ModelCost(model, tokens.input, tokens.output, None if price is None else float(price.of(tokens)))


def _document(traffic: Traffic, bills: Mapping[str, Sequence[Line]], models: Sequence[ModelCost]) -> dict[str, object]:
    return {
        "region": "us-east-1",
        "traffic": asdict(traffic),
        "profiles": {
            profile: {"usd": round(total(lines), 2), "lines": [asdict(line) for line in lines]}
            for profile, lines in bills.items()
        },
        "models": [asdict(one) for one in models],
    }


def _print(
    traffic: Traffic,
    bills: Mapping[str, Sequence[Line]],
    models: Sequence[ModelCost],
    arguments: argparse.Namespace,
) -> None:
    print(
        f"A month of {traffic.messages:,.0f} messages, {traffic.requests:,.0f} requests ({traffic.chats:,.0f} of them"
        f" chats), {traffic.storage_gb:g} GB; US dollars, US East, {'with' if arguments.free_tier else 'without'} the"
        " free tier"
    )
    if len(bills) == 1:
        _print_lines(*bills.values())
    else:
        _print_table(bills)
    for one in models:
        usd = "no price known" if one.usd is None else f"{one.usd:,.2f}"
        print(f"{one.model:<34}{usd:>10}   {one.input_tokens:,} tokens in, {one.output_tokens:,} out")
    guessed = sorted(key for key, price in price_table().prices.items() if price.source == FROM_MEMORY)
    print(f"\nFrom memory and not looked up: {', '.join(guessed)}.")


def _print_table(bills: Mapping[str, Sequence[Line]]) -> None:
    sums = {profile: by_service(lines) for profile, lines in bills.items()}
    services = list(dict.fromkeys(service for found in sums.values() for service in found))
    print("\n" + " " * 24 + "".join(f"{profile:>10}" for profile in bills))
    for service in services:
        print(f"{service:<24}" + "".join(f"{found.get(service, 0):>10,.2f}" for found in sums.values()))
    print(f"{'AWS':<24}" + "".join(f"{total(lines):>10,.2f}" for lines in bills.values()) + "\n")


def _print_lines(lines: Sequence[Line]) -> None:
    print()
    for line in lines:
        print(f"{line.service:<18}{line.usd:>10,.2f}   {line.quantity:,.6g} x {line.unit}")
    print(f"{'AWS':<18}{total(lines):>10,.2f}\n")
