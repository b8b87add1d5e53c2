// Sign-up to second factor of FastAPI and Flask, with the generated client.
import * as api from "./client";
import { finish, input, mailedToken, totpCode, work } from "./shared";

async function main(): Promise<void> {
  const { baseUrl, email, password } = input();
  const options = { baseUrl, throwOnError: true } as const;
  await api.signUp({ ...options, body: { email, password, name: "Ada Lovelace" } });
  await api.verifyEmail({ ...options, body: { token: await mailedToken() } });

  const { data: tokens } = await api.signIn({ ...options, body: { email, password } });
  if (!tokens) throw new Error("signed in with a cookie");
  const { data: next } = await api.refresh({
    ...options,
    body: { refresh_token: tokens.refresh_token },
  });
  const auth = next.access_token;
  await work(baseUrl, auth);

  const { data: setup } = await api.beginTotp({ ...options, auth });
  const code = totpCode(setup.secret);
  const { data: enabled } = await api.confirmTotp({ ...options, auth, body: { code } });
  const [recovery] = enabled.recovery_codes;
  if (!recovery) throw new Error("no recovery codes");

  const { error } = await api.signIn({ baseUrl, body: { email, password } });
  if (error?.type !== "/problems/mfa-required") throw new Error("no second factor was asked for");
  const { data: again } = await api.signIn({
    ...options,
    body: { email, password, recovery_code: recovery },
  });
  if (!again) throw new Error("signed in with a cookie");
  const { data: me } = await api.getMe({ ...options, auth: again.access_token });
  if (!me.totp_enabled) throw new Error("TOTP is not enabled");
}

finish(main());
