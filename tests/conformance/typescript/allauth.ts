// Sign-up to second factor of Django, with the generated client.
import * as api from "./client";
import { finish, input, mailedToken, totpCode, work } from "./shared";

async function main(): Promise<void> {
  const { baseUrl, email, password } = input();
  const options = { baseUrl, throwOnError: true } as const;
  const signedUp = await api.signUp({ baseUrl, body: { email, password, name: "Ada Lovelace" } });
  if (pendingFlow(signedUp.error) !== "verify_email") throw new Error("no mail is pending");
  const verified = await api.verifyEmail({ baseUrl, body: { key: await mailedToken() } });
  if (verified.error?.status !== 401) throw new Error("the token was refused");

  const { data: signedIn } = await api.signIn({ ...options, body: { email, password } });
  const { data: next } = await api.refresh({
    ...options,
    body: { refresh_token: signedIn.meta.refresh_token },
  });
  const auth = next.data.access_token;
  await work(baseUrl, auth);

  await api.reauthenticate({ ...options, auth, body: { password } });
  const { error: setup } = await api.beginTotp({ baseUrl, auth });
  if (!setup || !("meta" in setup) || !("secret" in setup.meta)) throw new Error("no secret");
  await api.confirmTotp({ ...options, auth, body: { code: totpCode(setup.meta.secret) } });
  const { data: codes } = await api.getRecoveryCodes({ ...options, auth });
  const [recovery] = codes.data.unused_codes ?? [];
  if (!recovery) throw new Error("no recovery codes");

  const { error } = await api.signIn({ baseUrl, body: { email, password } });
  if (pendingFlow(error) !== "mfa_authenticate") throw new Error("no second factor was asked for");
  if (!error || !("meta" in error)) throw new Error("no session token");
  const { data: again } = await api.signInWithCode({
    ...options,
    headers: { "X-Session-Token": error.meta.session_token },
    body: { code: recovery },
  });
  const { data: me } = await api.getMe({ ...options, auth: again.meta.access_token });
  if (!me.totp_enabled) throw new Error("TOTP is not enabled");
}

function pendingFlow(error: api.SignUpError | undefined): string | undefined {
  if (!error || !("data" in error)) return undefined;
  return error.data.flows.find((flow) => flow.is_pending)?.id;
}

finish(main());
