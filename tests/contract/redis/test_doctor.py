"""What the doctor says about the cache."""

from infra.tools.doctor.services import examine_services
from shared.settings import Settings
from tests.support.redis_server import RedisServer


def line(url: str) -> str:
    settings = Settings.model_validate({"cache": {"enabled": True, "url": url}})
    return next(one.line() for one in examine_services(settings, None) if one.subject == "cache")


def test_doctor_of_a_cache_that_answers_says_so(redis: RedisServer):
    assert line(redis.url).startswith("cache         ok       answered in ")


def test_doctor_of_a_cache_that_is_away_names_its_address_and_no_password():
    found = line("redis://:hunter2@127.0.0.1:9/0")
    assert found == "cache         PROBLEM  does not answer (ConnectionError): see CACHE_URL"
