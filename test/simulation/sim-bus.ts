import { ReplicaBus } from "../../src/server/services/replica-bus.ts";
import type { SimProcess } from "./sim-process.ts";

interface Member {
  readonly process: SimProcess;
  readonly take: (text: string) => void;
}

/** The way between replicas: messages come late, twice, in another order, or not at all. */
export class SimBus {
  /** Probability that a message is lost on its way to one replica. */
  loss = 0;
  /** The longest that it takes. */
  slowMs = 250;
  /** Whether any was. */
  hasLost = false;
  readonly #members = new Set<Member>();

  /** The bus of one start of a replica. */
  join(process: SimProcess, id: string): ReplicaBus {
    const send = (text: string) => {
      for (const member of this.#members) if (member.process !== process) this.#carry(member, text);
    };
    const listen = (take: (text: string) => void) => {
      const member = { process, take };
      this.#members.add(member);
      process.onKill(() => void this.#members.delete(member));
    };
    return new ReplicaBus(id, [{ send, listen }]);
  }

  #carry({ process, take }: Member, text: string): void {
    const { random } = process.scheduler;
    if (random.chance(this.loss)) {
      this.hasLost = true;
      return;
    }
    process.after(random.between(0, this.slowMs), () => take(text));
    if (random.chance(0.05)) process.after(random.between(0, this.slowMs * 4), () => take(text));
  }
}
