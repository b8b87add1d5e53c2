// What the flows of both families of account paths have in common.
import { createHmac } from "node:crypto";
import { createInterface } from "node:readline/promises";
import { createOrganization, createProject } from "./client";

export function input(): { baseUrl: string; email: string; password: string } {
  const [baseUrl, email, password] = process.argv.slice(2);
  if (!baseUrl || !email || !password) throw new Error("usage: flow.js URL EMAIL PASSWORD");
  return { baseUrl, email, password };
}

/** Ask the test for the token in the verification mail. */
export async function mailedToken(): Promise<string> {
  const lines = createInterface({ input: process.stdin });
  console.log("mail");
  for await (const line of lines) return line;
  throw new Error("no token");
}

/** Create an organization and a project. */
export async function work(baseUrl: string, auth: string): Promise<void> {
  const options = { baseUrl, auth, throwOnError: true } as const;
  const { data: made } = await createOrganization({ ...options, body: { name: "Analytical" } });
  const { data: project } = await createProject({
    ...options,
    path: { organization_id: made.id },
    body: { name: "Engine" },
  });
  if (project.organization_id !== made.id) throw new Error("the project is elsewhere");
}

/** The present code of an authenticator app (RFC 6238). */
export function totpCode(secret: string): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...secret].map((c) => alphabet.indexOf(c).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const digest = createHmac("sha1", key).update(counter).digest();
  const offset = digest.readUInt8(digest.length - 1) & 15;
  const number = digest.readUInt32BE(offset) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, "0");
}

/** Report the outcome as the exit status. */
export function finish(flow: Promise<void>): void {
  flow.then(
    () => process.exit(0),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
}
