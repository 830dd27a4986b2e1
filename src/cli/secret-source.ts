import { readFile } from "node:fs/promises";
import { AppError, errorText } from "../lib/errors.ts";

/** Text of a file that holds one secret, without the line end. Throws `invalid` where it cannot be read or is empty. */
export async function readSecretFile(path: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    throw new AppError(
      "invalid",
      `the secret file ${path} cannot be read (${errorText(error)}): check the path and its mode`,
      error,
    );
  }
  const secret = text.replace(/\r?\n$/, "");
  if (secret === "") throw new AppError("invalid", `the secret file ${path} is empty: write the secret into it`);
  return secret;
}

/** All of a stream as text, without the last line end. */
export async function readAll(stream: NodeJS.ReadableStream): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks)
    .toString("utf8")
    .replace(/\r?\n$/, "");
}
