/** What the dots mean, and which of them are shown. */
import type { Dots } from "../map/dots.js";
import { MESSAGE_KINDS, type MessageKind } from "../witness/message-kind.js";
import { byId, html } from "./dom.js";

const HIDDEN_AT_FIRST: ReadonlySet<MessageKind> = new Set(["canary"]);

export class Legend {
  constructor(dots: Dots) {
    const list = byId("messages", HTMLUListElement);
    for (const [kind, text] of Object.entries(MESSAGE_KINDS) as [MessageKind, string][]) {
      const isShown = !HIDDEN_AT_FIRST.has(kind);
      const box = html("input", { type: "checkbox", checked: isShown });
      const set = () => {
        if (box.checked) dots.hidden.delete(kind);
        else dots.hidden.add(kind);
      };
      set();
      box.addEventListener("change", set);
      const dot = html("i", { className: `dot ${kind}` });
      list.append(html("li", {}, [html("label", { className: "entry" }, [box, dot, text])]));
    }
  }
}
