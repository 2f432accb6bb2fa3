"""IBANs: their check digits, and those of the accounts to which a customer transfers money."""

import hashlib

_COUNTRIES = {
    "DE": ("SOGEDEFFXXX", "51230500", 10),
    "FR": ("SOGEFRPPXXX", "3000600001", 13),
    "IE": ("CITIIE2XXXX", "CITI990051", 8),
    "NL": ("CITINL2XXXX", "CITI", 10),
}
"""By the country that `eu_bank_transfer` asks for: the BIC, what the bank's account numbers begin with, and how many
digits follow."""
COUNTRIES = tuple(_COUNTRIES)


def is_iban(text: str) -> bool:
    return text.isascii() and text.isalnum() and 15 <= len(text) <= 34 and _remainder(text) == 1  # noqa: PLR2004  ISO 13616


def account_number(customer: str) -> int:
    """Return a number of ten digits, the same for a customer each time."""
    return int(hashlib.sha256(customer.encode()).hexdigest(), 16) % 10**10


def iban_for(country: str, customer: str) -> tuple[str, str]:
    """Return the BIC and the IBAN to which a customer transfers money."""
    bic, bank, digits = _COUNTRIES[country]
    bban = f"{bank}{account_number(customer) % 10**digits:0{digits}}"
    return bic, f"{country}{98 - _remainder(f'{country}00{bban}'):02}{bban}"


def _remainder(iban: str) -> int:
    return int("".join(str(int(character, 36)) for character in iban[4:] + iban[:4])) % 97
