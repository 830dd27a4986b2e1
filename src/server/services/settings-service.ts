import type { Clock } from "../../lib/clock.ts";
import { AppError } from "../../lib/errors.ts";
import { type Scope, scopeKey } from "../domain/scope.ts";
import type { Setting, Store } from "../storage/store.ts";
import { type Actor, audit } from "./audit.ts";
import type { SecretBox } from "./secret-box.ts";
import { secretContext } from "./secret-context.ts";

/** Longest name, as Gitea limits it. */
const LONGEST_NAME = 255;
/** Longest value: GitHub allows 48 KB; room for a key file more. */
const LONGEST_VALUE = 64 * 1024;

/** Secrets and variables of a scope. Values of secrets go in and never come out again. */
export class SettingsService {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #box: SecretBox;

  constructor(deps: { readonly store: Store; readonly clock: Clock; readonly box: SecretBox }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#box = deps.box;
  }

  /** Secrets of exactly this scope, without values, by name. */
  async secrets(scope: Scope): Promise<readonly Omit<Setting, "value">[]> {
    const rows = await this.#store.read.settings.list("secret", scope);
    return rows.map(({ value: _value, ...rest }) => rest);
  }

  /** Variables of exactly this scope, by name. */
  variables(scope: Scope): Promise<readonly Setting[]> {
    return this.#store.read.settings.list("variable", scope);
  }

  /** One variable. @throws AppError not_found */
  async variable(scope: Scope, name: string): Promise<Setting> {
    const found = (await this.variables(scope)).find((row) => row.name === name.toUpperCase());
    if (found === undefined) throw missing("variable", name);
    return found;
  }

  /** Stores a secret, sealed. True when it is new. @throws AppError invalid for a bad name or an empty or overlong value */
  async putSecret(scope: Scope, name: string, value: string, description: string, actor: Actor): Promise<boolean> {
    checkSetting("secret", name, value);
    if (value === "") throw new AppError("invalid", `the secret ${name} is empty; give a value, or delete it`);
    const upper = name.toUpperCase();
    return await this.#put(
      "secret",
      scope,
      upper,
      this.#box.seal(value, secretContext(scope, upper)),
      description,
      actor,
    );
  }

  /** Makes a variable. @throws AppError conflict when there is one of that name */
  async createVariable(scope: Scope, name: string, value: string, description: string, actor: Actor): Promise<void> {
    checkSetting("variable", name, value);
    const upper = name.toUpperCase();
    const existing = await this.variables(scope);
    if (existing.some((row) => row.name === upper)) {
      throw new AppError("conflict", `there is a variable ${upper} already; change it with PUT`);
    }
    await this.#put("variable", scope, upper, value, description, actor);
  }

  /** Changes a variable, and its name where `rename` is given. @throws AppError not_found, conflict */
  async updateVariable(
    scope: Scope,
    name: string,
    patch: { readonly value: string; readonly description?: string | undefined; readonly rename?: string | undefined },
    actor: Actor,
  ): Promise<void> {
    const old = await this.variable(scope, name);
    const target = (patch.rename ?? name).toUpperCase();
    checkSetting("variable", target, patch.value);
    const description = patch.description ?? old.description;
    if (target === old.name) {
      await this.#put("variable", scope, target, patch.value, description, actor);
      return;
    }
    await this.createVariable(scope, target, patch.value, description, actor);
    await this.delete("variable", scope, old.name, actor);
  }

  /** Deletes a secret or variable. @throws AppError not_found */
  async delete(kind: "secret" | "variable", scope: Scope, name: string, actor: Actor): Promise<void> {
    const upper = name.toUpperCase();
    await this.#store.write(async (tx) => {
      if (!(await tx.settings.delete(kind, scope, upper))) throw missing(kind, upper);
      const target = `${kind}:${upper}`;
      await audit(tx, this.#clock.now(), actor, {
        action: `${kind}.delete`,
        target,
        detail: { scope: scopeKey(scope) },
      });
    });
  }

  #put(
    kind: "secret" | "variable",
    scope: Scope,
    name: string,
    value: string,
    description: string,
    actor: Actor,
  ): Promise<boolean> {
    return this.#store.write(async (tx) => {
      const now = this.#clock.now();
      const isNew = await tx.settings.put(kind, scope, { name, value, description, createdAt: now });
      const target = `${kind}:${name}`;
      await audit(tx, now, actor, { action: `${kind}.put`, target, detail: { scope: scopeKey(scope) } });
      return isNew;
    });
  }
}

function missing(kind: "secret" | "variable", name: string): AppError {
  return new AppError("not_found", `there is no ${kind} ${name.toUpperCase()} here`);
}

/** The rules of GitHub and Gitea: letters, digits and underscores, not beginning with a digit, GITHUB_ or GITEA_. */
function checkSetting(kind: "secret" | "variable", name: string, value: string): void {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || name.length > LONGEST_NAME) {
    throw new AppError(
      "invalid",
      `the ${kind} name "${name.slice(0, 80)}" is not allowed; use letters, digits and "_", not beginning with a digit`,
    );
  }
  if (/^(GITHUB|GITEA|FORGEJO)_/i.test(name) || /^CI$/i.test(name)) {
    throw new AppError("invalid", `the ${kind} name ${name} is kept for the server itself; choose another`);
  }
  if (Buffer.byteLength(value) > LONGEST_VALUE) {
    throw new AppError("invalid", `the value of the ${kind} ${name} is longer than 64 KiB; shorten it`);
  }
}
