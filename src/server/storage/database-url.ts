import { AppError } from "../../lib/errors.ts";

/** Where a MySQL or MariaDB database is. */
export interface DatabaseAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** `verify`: TLS with a checked certificate; `insecure`: TLS without the check. */
  readonly tls: "off" | "verify" | "insecure";
}

const FORM = "mysql://user:password@host:3306/database";

/**
 * Reads `mysql://user:password@host[:3306]/database[?tls=verify|insecure]` (or `mariadb://`).
 * @throws AppError invalid; the message never holds the URL, because of the password in it
 */
export function parseDatabaseUrl(text: string): DatabaseAddress {
  if (!URL.canParse(text)) throw new AppError("invalid", `the database URL cannot be read; its form is ${FORM}`);
  const url = new URL(text);
  if (url.protocol !== "mysql:" && url.protocol !== "mariadb:") {
    const scheme = url.protocol.replace(/:$/, "");
    throw new AppError(
      "invalid",
      `the database URL has the scheme ${scheme}; only mysql and mariadb are known: ${FORM}`,
    );
  }
  const database = decode(url.pathname.slice(1));
  if (url.hostname === "" || database === "" || database.includes("/")) {
    throw new AppError("invalid", `the database URL names no host or no database; its form is ${FORM}`);
  }
  return {
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? 3306 : Number(url.port),
    user: decode(url.username),
    password: decode(url.password),
    database,
    tls: readTls(url.searchParams),
  };
}

function readTls(query: URLSearchParams): DatabaseAddress["tls"] {
  for (const name of query.keys()) {
    if (name !== "tls")
      throw new AppError("invalid", `the database URL has the unknown option ${name}; only tls is known`);
  }
  const tls = query.get("tls") ?? "off";
  if (tls === "off" || tls === "verify" || tls === "insecure") return tls;
  throw new AppError("invalid", "the option tls of the database URL is none of off, verify and insecure");
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch (error) {
    throw new AppError("invalid", "the database URL holds a % that is no escape; write % as %25", error);
  }
}
