"""Headers and signatures that are not ours: wrong in one thing each, refused by name at every door (T11)."""

from __future__ import annotations

import hmac

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from accounts import logins, standing
from accounts.logins import EndReason
from tests.tokens_stateless import doors, forge
from tests.tokens_stateless.conftest import Held, Noted, Reasons, settle, statements
from tests.tokens_stateless.forge import MISSING, N, dumps, part
from tokens_stateless import keys
from tokens_stateless.claims import ES256
from tokens_stateless.models import KeyState, SigningKey


def headed(held: Held, **changes: object) -> str:
    return forge.forge(forge.header(**changes), forge.payload(held.access))


def test_the_type_may_be_written_as_the_rfc_allows(held: Held) -> None:
    """RFC 9068 section 4, RFC 7515 section 4.1.9."""
    allowed = ["at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt"]

    statuses = {typ: doors.me(headed(held, typ=typ)).status_code for typ in allowed}

    assert statuses == dict.fromkeys(allowed, 200)


NONE: list[object] = ["none", "None", "NONE", "nOnE", "", None, 0, True, ["ES256"], {"ES256": 1}, MISSING]
OTHERS = ["HS256", "HS384", "HS512", "RS256", "PS256", "ES256K", "ES384", "EdDSA", "es256", "ES256 "]


def test_another_algorithm_is_refused(held: Held, reasons: Reasons) -> None:
    """Even with our right signature (RFC 8725 section 3.1)."""
    found = reasons({repr(alg): headed(held, alg=alg) for alg in NONE + OTHERS})

    assert set(found.values()) == {"header"}, found


def test_no_algorithm_does_without_a_signature(held: Held, reasons: Reasons) -> None:
    unsigned = {repr(alg): headed(held, alg=alg).rpartition(".")[0] for alg in ["ES256", *NONE]}

    found = reasons(unsigned | {f"{alg}, empty": f"{text}." for alg, text in unsigned.items()})

    assert set(found.values()) == {"form"}, found


def test_another_type_of_token_is_refused(held: Held, reasons: Reasons) -> None:
    """RFC 8725 section 3.11: no other that we may sign one day passes for this one."""
    types: list[object] = ["JWT", "jwt", "at", "refresh+jwt", "logout+jwt", "dpop+jwt", "text/at+jwt", ""]
    types += [" at+jwt", "at+jwt ", "application/application/at+jwt", "application/", "/at+jwt"]
    types += [None, 1, ["at+jwt"], {"at+jwt": 1}, MISSING]

    found = reasons({repr(typ): headed(held, typ=typ) for typ in types})

    assert set(found.values()) == {"header"}, found


FOREIGN: dict[str, dict[str, object]] = {
    "crit of nothing": {"crit": []},
    "crit of a claim": {"crit": ["exp"]},
    "crit that is no list": {"crit": "exp"},
    "unencoded": {"b64": False, "crit": ["b64"]},
    "encoded, as always": {"b64": True},
    "packed": {"zip": "DEF"},
    "nested": {"cty": "JWT"},
    "key by address": {"jku": "https://evil.example/jwks.json"},
    "certificate by address": {"x5u": "https://evil.example/cert.pem"},
    "certificate": {"x5c": ["MIIB"]},
    "thumbprint of a certificate": {"x5t": "AAAA"},
    "key": {"jwk": {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}},
    "of a JWE": {"enc": "A256GCM", "p2c": 10**9},
    "surprise": {"surprise": 1},
    "no kid": {"kid": MISSING},
}


def test_a_header_with_anything_besides_is_refused(held: Held, reasons: Reasons) -> None:
    """Nothing in a header may choose how or by which key it is read (RFC 8725 section 3.10)."""
    found = reasons({name: headed(held, **changes) for name, changes in FOREIGN.items()})

    assert found == dict.fromkeys(FOREIGN, "header")


def test_a_key_that_is_not_in_the_ring_is_refused(held: Held, reasons: Reasons) -> None:
    kids: list[object] = ["", "../../dev/null", "' OR 1=1--", "|sleep 5", "\0", "A" * 43, "A" * 2000, "é"]
    kids += [None, 0, True, [], {}]

    found = reasons({repr(kid): headed(held, kid=kid) for kid in kids})

    assert set(found.values()) == {"kid"}, found


def test_a_key_that_was_revoked_is_refused(held: Held, reasons: Reasons) -> None:
    SigningKey.objects.update(state=KeyState.REVOKED)
    keys.forget()

    assert reasons({"its token": held.access}) == {"its token": "kid"}


def test_a_signature_that_is_not_ours_is_refused(held: Held, reasons: Reasons) -> None:
    head, body, signature = held.access.split(".")
    stranger = ES256.sign(f"{head}.{body}".encode(), ec.generate_private_key(ec.SECP256R1()))

    found = reasons(
        {
            "another key": f"{head}.{body}.{part(stranger)}",
            "another header": f"{part(dumps(forge.header()).encode() + b' ')}.{body}.{signature}",
            "another payload": f"{head}.{part(forge.payload(held.access, is_staff=True))}.{signature}",
            "another order": forge.with_numbers(held.access, *reversed(forge.numbers(held.access))),
        }
    )

    assert set(found.values()) == {"signature"}, found


def test_a_psychic_signature_is_refused(held: Held, reasons: Reasons) -> None:
    """CVE-2022-21449, and numbers beyond the curve's order."""
    pairs = [(0, 0), (0, 1), (1, 0), (1, 1), (N, 1), (1, N), (N - 1, N - 1), (N, N), (2**256 - 1, 2**256 - 1)]

    found = reasons({pair: forge.with_numbers(held.access, *pair) for pair in pairs})

    assert set(found.values()) == {"signature"}, found


@pytest.mark.parametrize(("digest", "told"), [("sha256", "form"), ("sha384", "form"), ("sha512", "header")])
def test_the_public_key_is_no_secret_to_sign_with(
    digest: str, told: str, held: Held, reasons: Reasons
) -> None:
    """RFC 8725 section 2.1."""
    kid, private = keys.signer()
    public = private.public_key()
    text = f"{part(forge.header(alg=f'HS{digest[3:]}'))}.{part(forge.payload(held.access))}"
    secrets = {
        "PEM": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "DER": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "point": public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
        "JWK": dumps(SigningKey.objects.get(pk=kid).public).encode(),
        "nothing": b"",
    }

    found = reasons(
        {
            name: f"{text}.{part(hmac.digest(secret, text.encode(), digest))}"
            for name, secret in secrets.items()
        }
    )

    assert set(found.values()) == {told}, found


def test_neither_token_of_a_pair_passes_for_the_other(held: Held, noted: Noted) -> None:
    answers = [doors.me(held.refresh), doors.verify(held.refresh), doors.refresh(held.access)]

    assert [answer.status_code for answer in answers] == [401, 401, 401]
    assert noted.reasons == ["form", "form", "form"]


def test_made_up_tokens_cost_no_look_up(held: Held) -> None:
    """However well they are made up: only a good signature of a key of the ring leads any further."""
    body = part(forge.payload(held.access))
    made_up = ["x", "x" * 3000, f"{part(forge.header(kid='A' * 43))}.{body}.{'A' * 86}"]
    made_up += [f"{part(forge.header())}.{body}.{'A' * 86}"] * 20
    settle(held)
    reads = standing.here().reads

    with statements(0):
        statuses = {doors.me(token).status_code for token in made_up}

    assert (statuses, standing.here().reads) == ({401}, reads)


def test_the_twin_of_a_signature_dies_with_its_login(held: Held, noted: Noted) -> None:
    """T17: a list of ended texts, or of their hashes, would let it live."""
    twin = forge.twin(held.access)
    assert doors.me(twin).status_code == 200

    logins.end([held.login.pk], reason=EndReason.LOGOUT)

    assert [doors.me(held.access).status_code, doors.me(twin).status_code] == [401, 401]
    assert noted.reasons == ["ended", "ended"]
