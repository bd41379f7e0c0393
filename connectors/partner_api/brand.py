"""What differs between the portals that run on the platform: how a token is asked for (portal facts, Moscow region, A)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Brand:
    """One portal of the platform.

    `scopes` are asked for where the configuration names none. `by_form`: codes and refresh tokens are sent as a form;
    what is refused as malformed is then sent again as the JSON that the platform documents.
    """

    scopes: tuple[str, ...]
    by_form: bool = False


DNEVNIK: Final = Brand(("CommonInfo", "ContactInfo", "FriendsAndRelatives", "EducationalInfo"))

OLD_MOSREG: Final = Brand(
    ("EducationalInfo", "CommonInfo", "FriendsAndRelatives", "SocialInfo", "ContactInfo"), by_form=True
)
