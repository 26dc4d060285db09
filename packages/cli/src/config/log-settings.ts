/** How a program of FPZK logs: settings of servers and proxies alike. */
import { choice } from "./field.js";

export const logShape = {
  log: choice({
    about: "Form of the log on standard error; `auto` is pretty on a terminal, else json.",
    values: ["auto", "pretty", "json", "off"],
    default: "auto",
  }),
  logLevel: choice({
    about: "Least level that is logged.",
    values: ["debug", "info", "warn", "error"],
    default: "info",
  }),
};
