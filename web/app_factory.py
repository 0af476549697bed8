"""Building the web application from its settings; importing this does nothing."""

from importlib.metadata import version

import structlog
from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI

from common.networks import parse_networks
from common.redis_start import refuse_unusable_redis
from common.settings import Settings
from web.access.audit import register_audit
from web.access.client_address import TrustedProxies
from web.access.guard import register_guard
from web.api.batches import batches
from web.api.corrections import corrections
from web.api.deliveries import deliveries
from web.api.docs import docs
from web.api.health import health
from web.api.jobs import jobs
from web.api.models import models
from web.api.pathologies import pathologies_api
from web.api.stray_parameters import refuse_stray_parameters
from web.forms import FormRequest
from web.i18n import register_languages
from web.json_bodies import ShallowJSON
from web.pages.batches import batch_pages
from web.pages.language import language
from web.pages.model_card import model_card
from web.pages.pathologies import pathologies
from web.pages.results import results
from web.pages.sign_in import sign_in
from web.pages.system import system
from web.pages.uploads import uploads
from web.problems import Problem, parameters_invalid, register_error_handlers
from web.representation import DISCLAIMER
from web.request_log import register_request_log
from web.security import register_security
from web.services import attach_services, build_services
from web.webhooks import require_sound_webhook

_log = structlog.get_logger(__name__)


def create_app(settings: Settings) -> OpenAPI:
    """Make the application; Redis may be away, but not unsafe.

    Raises:
        ConfigurationError: Redis answers and would lose accepted jobs or does not let us in, the storage URL cannot be
            opened, or no webhook can go where the settings say.
    """
    require_sound_webhook(settings)
    services = build_services(settings)
    fault = refuse_unusable_redis(settings)
    if fault is not None:
        _log.warning("redis_away_at_start", reason=fault.log_reason)
    app = OpenAPI(
        __name__,
        info=Info(title="dentiq", version=version("dentiq"), description=DISCLAIMER),
        doc_ui=False,
        validation_error_status=422,
        validation_error_model=Problem,
        validation_error_callback=parameters_invalid,
        static_folder="static",
        template_folder="templates",
    )
    # An address that a script made of an empty variable, /batches//results.csv, is none: no redirect to another one.
    app.url_map.merge_slashes = False
    app.request_class = FormRequest
    app.json = ShallowJSON(app)
    attach_services(app, services)
    # Werkzeug drops a request's unread body by these; the upload route sets its own (see web.multipart).
    app.config["MAX_CONTENT_LENGTH"] = 1024 * 1024
    register_request_log(app, services.metrics)
    register_security(app)
    register_guard(app, services.guard)
    register_audit(app, settings)
    register_error_handlers(app)
    refuse_stray_parameters(app)
    register_languages(app)
    for api in (jobs, corrections, batches, deliveries, models, pathologies_api, health):
        app.register_api(api)
    for pages in (docs, uploads, results, batch_pages, pathologies, model_card, system, language, sign_in):
        app.register_blueprint(pages)
    app.wsgi_app = TrustedProxies(app.wsgi_app, parse_networks(settings.trusted_proxies))  # type: ignore[method-assign]
    return app
