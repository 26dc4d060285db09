/** Aligned columns for people. */

export interface Column<T> {
  readonly title: string;
  readonly text: (row: T) => string;
  /** Numbers align at the right. */
  readonly isNumber?: boolean;
  /** Paints a padded cell. */
  readonly color?: (row: T) => Color | undefined;
}

export type Color = "green" | "yellow" | "red" | "dim";

const CODES: Readonly<Record<Color | "bold", string>> = {
  green: "\u001b[32m",
  yellow: "\u001b[33m",
  red: "\u001b[31m",
  dim: "\u001b[2m",
  bold: "\u001b[1m",
};
const RESET = "\u001b[0m";

/** Lines of the table with its head, each ended. */
export function formatTable<T>(
  rows: readonly T[],
  columns: readonly Column<T>[],
  isColored: boolean,
): string {
  const cells = rows.map((row) => columns.map((column) => printable(column.text(row))));
  const widths = columns.map((column, index) =>
    Math.max(column.title.length, ...cells.map((line) => displayWidth(line[index] ?? ""))),
  );
  const head = columns.map((column, index) => pad(column.title, widths[index] ?? 0, column));
  const lines = [paint(head.join("  ").trimEnd(), isColored ? "bold" : undefined)];
  cells.forEach((line, rowIndex) => {
    const parts = columns.map((column, index) => {
      const row = rows[rowIndex];
      const isLast = index === columns.length - 1 && column.isNumber !== true;
      const text = isLast
        ? (line[index] ?? "")
        : pad(line[index] ?? "", widths[index] ?? 0, column);
      return paint(text, isColored && row !== undefined ? column.color?.(row) : undefined);
    });
    lines.push(parts.join("  ").trimEnd());
  });
  return `${lines.join("\n")}\n`;
}

/** Control characters of outside data must not reach a terminal. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}]/gu, "\ufffd");
}

export function paint(text: string, color: Color | "bold" | undefined): string {
  return color === undefined || text === "" ? text : `${CODES[color]}${text}${RESET}`;
}

function pad(text: string, width: number, column: { readonly isNumber?: boolean }): string {
  const space = " ".repeat(Math.max(0, width - displayWidth(text)));
  return column.isNumber === true ? space + text : text + space;
}

/** Columns a text takes: wide East Asian characters and emoji take two. */
function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) {
    if (/\p{Mn}|\u200d|\ufe0f/u.test(character)) continue;
    width +=
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff00-\uff60]|\p{Emoji_Presentation}/u.test(
        character,
      )
        ? 2
        : 1;
  }
  return width;
}
