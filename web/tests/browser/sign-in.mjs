// Signing in without a password: with a passkey (Chromium's virtual authenticator), and at an identity provider (oidc-provider, a certified
// implementation) whose groups say in which team and role somebody acts.
import Provider from "oidc-provider";
import { accessible, assert, given, server, story, token, until } from "./harness.mjs";

const api = async (path, init = {}) => {
  const answer = await fetch(`${server}/api/v1${path}`, {
    ...init,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...init.headers },
  });
  return answer.status === 204 ? undefined : answer.json();
};
// Passkeys are bound to a name; an address is none.
const named = server.replace("127.0.0.1", "localhost");

const people = {
  grace: { email: "grace@example.org", email_verified: true, name: "Grace", groups: ["firedog-leads"] },
  hopper: { email: "hopper@example.org", email_verified: true, name: "Hopper", groups: ["sre"] },
  mallory: { email: "ada@example.org", email_verified: false, name: "Ada", groups: ["sre"] },
  nobody: { email: "nobody@example.org", email_verified: true, name: "Nobody", groups: [] },
};
const provider = new Provider(given.issuer, {
  clients: [{ client_id: "firedog", client_secret: "a secret of the two", redirect_uris: [`${server}/sign-in/oidc/callback`] }],
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name", "groups"] },
  pkce: { required: () => true },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...people[id] }) }),
  cookies: { keys: ["of the test"] },
});
const listening = provider.listen(new URL(given.issuer).port, "127.0.0.1");

await story(async (browser) => {
  browser.allowed = [named, given.issuer, "https://fonts.googleapis.com/"];
  // By the link of an invitation first, on the name that passkeys are bound to.
  const context = await browser.profile();
  const page = browser.watch(await context.newPage());
  page.expected = (text) => /40[13]|NotAllowed/.test(text);
  const devtools = await context.newCDPSession(page);
  await devtools.send("WebAuthn.enable");
  await devtools.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      transport: "internal",
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  const { url } = await api("/invites", { method: "POST", body: JSON.stringify({ user: "ada" }) });
  await page.goto(url.replace("127.0.0.1", "localhost"));
  await page.getByLabel(/A password/).fill("a few words of hers");
  await page.getByRole("button", { name: "Set the password" }).click();
  await page.getByRole("heading", { name: "Needs me now" }).waitFor();
  await page.goto(`${named}/me`);
  await page.getByLabel("Its name").fill("laptop");
  await page.getByRole("button", { name: "Make a passkey" }).click();
  await page.getByText("You can sign in with it now").waitFor();
  await accessible(page, "passkeys");
  // Out, and in again with nothing but the key.
  await page.getByRole("button", { name: "Me", exact: true }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await accessible(page, "signing in");
  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await page.getByRole("heading", { name: "Needs me now" }).waitFor();
  const session = await page.evaluate(async () => (await fetch("/api/v1/session")).json());
  assert.deepEqual([session.user.id, session.via], ["ada", "session"]);
  // Taken away, it opens nothing.
  await page.goto(`${named}/me`);
  await page.getByRole("button", { name: "Remove: laptop" }).click();
  await page.getByText("It opens nothing any more").waitFor();
  await page.getByRole("button", { name: "Me", exact: true }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await page.getByText("opens nothing here").waitFor();
  await context.close();

  /** Through the provider's own pages, as that person. */
  const arrive = async (who) => {
    const profile = await browser.profile();
    // The provider's own pages ask for a font; nothing of ours does.
    await profile.route("https://fonts.googleapis.com/**", (route) => route.fulfill({ contentType: "text/css", body: "" }));
    const tab = browser.watch(await profile.newPage());
    tab.expected = (text) => /40[134]|favicon/.test(text);
    await tab.goto(`${server}/sign-in`);
    await tab.getByRole("link", { name: "Sign in with your organisation" }).click();
    await tab.locator("input[name=login]").fill(who);
    await tab.locator("input[name=password]").fill("anything");
    await tab.locator("button[type=submit]").click();
    await tab.getByRole("button", { name: "Continue" }).click();
    return tab;
  };
  const who = (tab) => tab.evaluate(async () => (await fetch("/api/v1/session")).json());

  // Somebody whom the setup knows, by her confirmed address; her groups make her a manager.
  const grace = await arrive("grace");
  await grace.getByRole("heading", { name: "Needs me now" }).waitFor();
  assert.deepEqual([(await who(grace)).user.id, (await who(grace)).role], ["grace", "manager"]);
  // Somebody whom it does not know, but whose group belongs to a team: in, and in that team.
  const hopper = await arrive("hopper");
  await hopper.getByRole("heading", { name: "Needs me now" }).waitFor();
  const she = await who(hopper);
  assert.deepEqual([she.user.id, she.teams, she.role], ["hopper", ["pupper"], "responder"]);
  assert.ok((await api("/users")).items.some((one) => one.id === "hopper"));
  // An address that nobody has confirmed makes nobody Ada; no group, no way in.
  for (const stranger of ["mallory", "nobody"]) {
    const tab = await arrive(stranger);
    await tab.getByText("ask somebody who manages your team").waitFor();
  }
  await until("the audit log", async () => JSON.stringify(await api("/audit?limit=50")).includes("by the identity provider"));
  // An answer that nobody asked for is no answer.
  const forged = await fetch(`${server}/sign-in/oidc/callback?state=x&code=y`, { redirect: "manual" });
  assert.equal(forged.status, 409);
  console.log("signed in by passkey, and by oidc-provider with groups");
});
listening.close();
listening.closeAllConnections();
