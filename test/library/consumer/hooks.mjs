export function onMessage({ text }) {
  return text === 'spam' ? { refuse: 'no spam, please' } : { text: `${text}!` };
}
