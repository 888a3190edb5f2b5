// Signing in with a passkey: the one thing of this page that needs a script. Without it, or without passkeys, the form is all there is.
"use strict";
(() => {
  const button = document.getElementById("passkey");
  if (!button || !window.PublicKeyCredential) return;
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const post = async (path, body) => {
    const headers = { "content-type": "application/json", accept: "application/json" };
    const answer = await fetch(button.dataset.api + path, { method: "POST", headers, body: JSON.stringify(body) });
    const said = await answer.json();
    if (!answer.ok) throw new Error(said.detail || said.title);
    return said;
  };
  button.hidden = false;
  button.addEventListener("click", async () => {
    const failed = document.getElementById("passkey-failed");
    failed.hidden = true;
    try {
      const { challenge, rp_id } = await post("session/passkey/challenge", {});
      const publicKey = { challenge: bytes(challenge), rpId: rp_id, userVerification: "required" };
      const { id, response } = await navigator.credentials.get({ publicKey });
      await post("session/passkey", {
        id,
        client_data: text(response.clientDataJSON),
        authenticator_data: text(response.authenticatorData),
        signature: text(response.signature),
      });
      location.assign(button.dataset.to);
    } catch (error) {
      failed.textContent = error.name === "NotAllowedError" ? "Nothing was chosen." : error.message;
      failed.hidden = false;
    }
  });
})();
