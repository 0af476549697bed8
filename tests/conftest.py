"""The fixtures that every folder of tests shares; each group of them has a module in `tests/fixtures/`."""

pytest_plugins = [
    "tests.fixtures.redis",
    "tests.fixtures.distant_redis",
    "tests.fixtures.images",
    "tests.fixtures.s3",
    "tests.fixtures.stack",
]
