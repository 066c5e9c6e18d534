/** A page of history as it is shown. */
import type { HistoryPage } from '../chat/store-types.ts';

/** With the texts that edited ones have now. */
export function messagesOf({ entries, edited }: HistoryPage): unknown[] {
  const bySeq = new Map(edited.map((edit) => [edit.seq, edit]));
  return entries.map(({ seq, json }): unknown => {
    const message = JSON.parse(json) as object;
    const edit = bySeq.get(seq);
    return edit === undefined ? message : { ...message, text: edit.text, edited: edit.at };
  });
}
