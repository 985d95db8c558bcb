// Requests to the server.

// Failure is a response other than 2xx.
export class Failure extends Error {
  constructor(status, text) { super(text); this.status = status; }
}

export async function ask(path, options) {
  const r = await fetch(path, options);
  if (r.status === 204) return null;
  const body = await r.json().catch(() => ({}));
  if (!r.ok) throw new Failure(r.status, body.error || r.statusText);
  return body;
}

export const send = (path, body, method = 'POST') => ask(path, { method, body: JSON.stringify(body) });

// address returns the address of a class; a name may contain slashes.
export const address = c => 'classes/' + c.split('/').map(encodeURIComponent).join('/');
export const known = c => 'known/' + c.split('/').map(encodeURIComponent).join('/');
export const training = image => 'training/' + image.split('/').map(encodeURIComponent).join('/');
