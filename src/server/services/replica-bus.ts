import { BoundedMap } from "./bounded-map.ts";
import type { Change, ChangeBus, Urgency } from "./change-bus.ts";
import { readChangeMessage, writeChangeMessage } from "./change-message.ts";

/** A way by which texts reach the other replicas: a table of the database, or Redis. */
export interface ChangeChannel {
  /** Sends a text to all other replicas; returns at once, never throws, and may lose it. */
  send(text: string, urgency: Urgency): void;
  /** Calls back with what the others sent; its own texts may be among it. */
  listen(listener: (text: string) => void): void;
}

/** Messages that are remembered so that one that comes by two ways counts once. */
const REMEMBERED = 20_000;

/** The bus of a replica, over one or more channels. */
export class ReplicaBus implements ChangeBus {
  readonly #sender: string;
  readonly #channels: readonly ChangeChannel[];
  readonly #listeners = new Set<(changes: readonly Change[]) => void>();
  readonly #heard = new BoundedMap<string, true>(REMEMBERED);
  #sent = 0;

  /** @param sender id of this process, never used before */
  constructor(sender: string, channels: readonly ChangeChannel[]) {
    this.#sender = sender;
    this.#channels = channels;
    for (const channel of channels) channel.listen((text) => this.#take(text));
  }

  publish(changes: readonly Change[], urgency: Urgency = "now"): void {
    if (changes.length === 0) return;
    const text = writeChangeMessage({ sender: this.#sender, number: ++this.#sent, changes });
    for (const channel of this.#channels) channel.send(text, urgency);
  }

  subscribe(listener: (changes: readonly Change[]) => void): Disposable {
    const own = (changes: readonly Change[]) => listener(changes);
    this.#listeners.add(own);
    return { [Symbol.dispose]: () => this.#listeners.delete(own) };
  }

  #take(text: string): void {
    const message = readChangeMessage(text);
    if (message === undefined || message.sender === this.#sender) return;
    const key = `${message.sender} ${message.number}`;
    if (this.#heard.get(key) !== undefined) return;
    this.#heard.set(key, true);
    for (const listener of this.#listeners) listener(message.changes);
  }
}
