"""Templates by language and trigger: Jinja in a sandbox; a field that is missing is an error, HTML is escaped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import yaml
from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from domain.codes import Trigger
from operations.communication.lint import TextError

FOLDER = Path(__file__).parent / "templates"
DEFAULT_LANGUAGE = "en"
LONGEST = 4_000


@dataclass(frozen=True, slots=True)
class Texts:
    """A message in words."""

    subject: str
    text: str
    html: str


def _environment(autoescape: bool) -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, autoescape=autoescape, trim_blocks=True, lstrip_blocks=True
    )


PLAIN, MARKUP = _environment(False), _environment(True)
LAYOUT = MARKUP.from_string(
    """<!doctype html>
<html lang="{{ language }}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{{ subject }}</title></head>
<body style="font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:1.5rem auto;padding:0 1rem;color:#1b1f24">
{% for paragraph in paragraphs %}
<p>{{ paragraph }}</p>
{% endfor %}
{% for label, url in buttons %}
<p><a href="{{ url }}" style="color:#0b57d0">{{ label }}</a></p>
{% endfor %}
</body></html>
"""
)


@lru_cache(1_024)
def _compiled(source: str) -> Template:
    """A text as a template: an evening says the same few to hundreds of customers."""
    return PLAIN.from_string(source)


@cache
def catalogue(language: str, folder: Path = FOLDER) -> Mapping[str, Any]:
    """Templates, reasons and words of a language; English where there is no such language.

    Raises:
        TextError: the file is not a mapping.
    """
    tag = language.replace("_", "-").split("-")[0].lower()
    path = folder / f"{tag}.yml"
    if not tag.isalpha() or not path.is_file():
        path = folder / f"{DEFAULT_LANGUAGE}.yml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise TextError(f"{path.name}: a mapping of templates is needed")
    return content


def languages(folder: Path = FOLDER) -> tuple[str, ...]:
    """Languages there are templates for."""
    return tuple(sorted(path.stem for path in folder.glob("*.yml")))


def render(
    trigger: Trigger, language: str, fields: Mapping[str, Any], links: Mapping[str, str], folder: Path = FOLDER
) -> Texts:
    """The texts of a message.

    Args:
        trigger, language: which template.
        fields: what it may use.
        links: purpose (``answer``, ``track``) -> URL or placeholder, offered at the end where the template names it.

    Raises:
        TextError: no such template, a field that is missing, or a template that tries to leave its sandbox.
    """
    words = catalogue(language, folder)
    try:
        own = words["messages"][str(trigger)]
        subject = " ".join(_compiled(own["subject"]).render(fields).split())
        body = _compiled(own["text"]).render(fields).strip()
        buttons = [(words["links"][name], links[name]) for name in own.get("links", ())]
    except KeyError as error:
        raise TextError(f"{words.get('language', language)}: {trigger}: {error} is missing") from None
    except UndefinedError as error:
        raise TextError(f"{words.get('language', language)}: {trigger}: the field {error}") from None
    except (TemplateError, TemplateSyntaxError, TypeError, ValueError) as error:
        raise TextError(f"{words.get('language', language)}: {trigger}: {error}") from None
    if len(body) > LONGEST:
        raise TextError(f"{words.get('language', language)}: {trigger}: longer than {LONGEST} characters")
    text = "\n\n".join([body, *(f"{label}: {url}" for label, url in buttons)])
    paragraphs = [" ".join(one.split()) for one in body.split("\n\n")]
    html = LAYOUT.render(
        language=words.get("language", language), subject=subject, paragraphs=paragraphs, buttons=buttons
    )
    return Texts(subject, text, html)
