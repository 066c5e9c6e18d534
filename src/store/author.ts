/** Who wrote a stored entry, and its id, from its tail alone: both stores need it when it goes. */

const HEAD = /^"from":"([^"]*)","id":("(?:[^"\\]|\\.)*")/;

/** From the first two fields of a tail; the rest, which may be long, is not parsed. */
export function authorOf(tail: string): { readonly from: string; readonly id: string } {
  const match = HEAD.exec(tail);
  if (match?.[1] === undefined || match[2] === undefined)
    throw new Error(`a tail that begins with no author: ${tail.slice(0, 80)}`);
  return { from: match[1], id: JSON.parse(match[2]) as string };
}
