// Making a passkey in this browser; signing in with one is a matter of the sign-in page.
import { Problem, request } from "../api/client";
import { t } from "../text";

export function passkeysWork(): boolean {
  return "PublicKeyCredential" in window && window.isSecureContext;
}

const bytes = (text: string) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (buffer: ArrayBuffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=+$/, "");

/** ES256, which every authenticator has. */
const ES256 = -7;

export async function makePasskey(name: string, user: { id: string; name: string }): Promise<void> {
  const { challenge, rp_id } = await request("POST /me/passkeys/challenge");
  const { items } = await request("GET /me/passkeys");
  let made: PublicKeyCredential | null;
  try {
    made = (await navigator.credentials.create({
      publicKey: {
        challenge: bytes(challenge),
        rp: { id: rp_id, name: "Firedog" },
        user: { id: new TextEncoder().encode(user.id), name: user.id, displayName: user.name },
        pubKeyCredParams: [{ type: "public-key", alg: ES256 }],
        authenticatorSelection: { residentKey: "required", userVerification: "required" },
        excludeCredentials: items.map((one) => ({ type: "public-key", id: bytes(one.id) })),
        attestation: "none",
      },
    })) as PublicKeyCredential | null;
  } catch (error) {
    throw new Problem(0, t.me.passkeys.failed, (error as Error).message);
  }
  const response = made?.response as AuthenticatorAttestationResponse | undefined;
  const key = response?.getPublicKey();
  if (!made || !response || !key) throw new Problem(0, t.me.passkeys.failed);
  await request("POST /me/passkeys", {
    body: {
      name,
      id: made.id,
      public_key: text(key),
      client_data: text(response.clientDataJSON),
      authenticator_data: text(response.getAuthenticatorData()),
    },
  });
}
