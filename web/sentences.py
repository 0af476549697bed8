"""What the pages say about each error code, in words for people; translated where it is shown."""

from typing import Final

from flask_babel import lazy_gettext

from web.i18n import gettext

_SENTENCES: Final = {
    "image_missing": lazy_gettext("No photo was chosen. Choose one, then send it."),
    "image_empty": lazy_gettext("This file is empty. Choose another photo."),
    "image_too_large": lazy_gettext("This file is too large. Send a smaller copy of the photo."),
    "image_format_unsupported": lazy_gettext(
        "This file is not a photo that can be read. Send a JPEG, PNG, WebP, HEIC, BMP, TIFF or GIF picture."
    ),
    "image_too_small": lazy_gettext("This picture is too small to judge. Send the photo in its original size."),
    "image_too_many_pixels": lazy_gettext("This picture has too many pixels. Send a scaled-down copy."),
    "image_truncated": lazy_gettext("The end of this photo is missing. Copy the file again, then send it."),
    "image_corrupt": lazy_gettext("This photo is damaged and cannot be read. Export it again, then send the copy."),
    "image_rejected": lazy_gettext("This picture cannot be read. Try another one."),
    "image_too_complex": lazy_gettext(
        "This picture is built too elaborately to be read. Export it again as a plain JPEG, then send the copy."
    ),
    "entry_rejected": lazy_gettext("This file cannot be taken out of its zip archive. Make a new archive."),
    "entry_encrypted": lazy_gettext("This file is encrypted. Make a new zip archive without a password."),
    "entry_method_unsupported": lazy_gettext(
        "This file is packed in a way that cannot be read. Make a new zip archive with usual settings."
    ),
    "entry_damaged": lazy_gettext("This file is damaged in its zip archive. Make a new archive, then send it."),
    "too_many_parts": lazy_gettext("Too many fields were sent at once. Send one photo."),
    "invalid_request": lazy_gettext("This request cannot be understood. Send one photo from the start page."),
    "idempotency_conflict": lazy_gettext("This photo was sent under a key that belongs to another one."),
    "job_not_found": lazy_gettext("There is no such result: it never existed, was erased, or has expired."),
    "archive_rejected": lazy_gettext("This zip archive cannot be taken. Make a new one that holds only photos."),
    "archive_empty": lazy_gettext("This zip archive holds no photos. Put some into it, then send it again."),
    "archive_too_large": lazy_gettext("This zip archive is too large. Split it, then send the parts."),
    "archive_corrupt": lazy_gettext("This file is no zip archive, or it is damaged. Make it again, then send it."),
    "batch_not_found": lazy_gettext("There is no such batch: it never existed, was erased, or has expired."),
    "explanation_unavailable": lazy_gettext("This result cannot be explained by a picture."),
    "result_missing": lazy_gettext("There is no result yet that could be marked right or wrong."),
    "correction_invalid": lazy_gettext("Nothing was marked. Choose what the photo shows, then save."),
    "batch_closed": lazy_gettext("This batch was cancelled and takes no more photos. Start a new one."),
    "webhook_url_refused": lazy_gettext("No message can be sent to this address. Name another one."),
    "webhooks_disabled": lazy_gettext("This service sends no messages to other servers."),
    "webhook_failed": lazy_gettext("The other server was not told that the analysis had ended."),
    "webhook_address_refused": lazy_gettext("The other server's address is a private one and was not entered."),
    "webhook_unreachable": lazy_gettext("The other server cannot be reached."),
    "webhook_timeout": lazy_gettext("The other server did not answer in time."),
    "unavailable": lazy_gettext("The service cannot work right now. Please try again in a moment."),
    "job_store_unavailable": lazy_gettext(
        "The service is interrupted right now. Try again in a moment; a photo just sent may have arrived all the same."
    ),
    "redis_login_refused": lazy_gettext("The service cannot work until its operator sets it right. Tell the operator."),
    "storage_unavailable": lazy_gettext("The service cannot store photos right now. Please try again in a moment."),
    "storage_unreachable": lazy_gettext(
        "The place where photos are kept cannot be reached right now. Please try again in a moment."
    ),
    "storage_full": lazy_gettext("The service has no room left for photos, and nothing was stored. Tell its operator."),
    "job_failed": lazy_gettext("This photo could not be analysed, through no fault of yours."),
    "stored_image_missing": lazy_gettext("The stored photo is gone. Please send it again."),
    "poison": lazy_gettext("This photo stopped the analysis every time it was tried. Send another copy of it."),
    "inference_failed": lazy_gettext("The model could not compute an answer for this photo."),
    "model_error": lazy_gettext("No model can answer right now. Please try again later."),
    "model_not_found": lazy_gettext("No model is installed. Tell the operator of this service."),
    "model_store_unreachable": lazy_gettext("The model cannot be fetched right now. Please try again in a moment."),
    "model_invalid": lazy_gettext("The installed model did not pass its check. Tell the operator of this service."),
    "access_refused": lazy_gettext("You may not do this here."),
    "key_missing": lazy_gettext("This server asks for an API key. Sign in, then try again."),
    "key_invalid": lazy_gettext("Your API key is not known here, or it was revoked. Sign in with another one."),
    "scope_missing": lazy_gettext("Your API key may not do this. Ask the operator of this service."),
    "too_many_requests": lazy_gettext("Too many requests came at once. Wait a minute, then try again."),
    "not_found": lazy_gettext("There is nothing at this address."),
    "method_not_allowed": lazy_gettext("This address cannot be used in this way."),
    "request_timeout": lazy_gettext("The photo stopped arriving half-way. Check the connection, then send it again."),
    "bad_request": lazy_gettext("The browser or program sent a request that cannot be read. Use another one."),
    "request_entity_too_large": lazy_gettext("This is too large to be taken at once. Send it in parts."),
    "uri_too_long": lazy_gettext("This address is too long. Begin at the start page."),
    "expectation_failed": lazy_gettext(
        "The browser or program expects something that is not done here. Use another one."
    ),
    "headers_too_large": lazy_gettext(
        "Too much was sent beside the request. Erase the cookies of this site, then try again."
    ),
    "not_implemented": lazy_gettext("The browser or program sends in a way that is not taken here. Use another one."),
    "forbidden": lazy_gettext("This request came from another site and was refused."),
    "internal_error": lazy_gettext("Something went wrong on our side. It has been noted; please try again."),
}


def known_codes() -> frozenset[str]:
    """List the codes that have a sentence of their own."""
    return frozenset(_SENTENCES)


def sentence(code: str) -> str:
    """Say in the reader's language what an error code means and what to do."""
    if code not in _SENTENCES:
        return gettext("This cannot be done.")
    return str(_SENTENCES[code])
