// Details of one image from the server: the explanation, the most similar training images, and what would change if the
// model saw another value of an attribute.
import { ask, send, training } from './api.js';
import { explanation, make, ranking } from './gallery.js';

export async function detail(item, box, o) {
  if (!item.id || item.error) return;
  const why = make('div', {}), near = make('div', {}), whatIf = make('div', {});
  box.append(why, whatIf, near);
  const failed = (where, text) => e => where.append(make('p', {}, text + e.message));
  send('rank?explain=8&top=5', { pictures: [item.id], ...(o.draft() ? { draft: o.draft() } : {}) }).then(({ images }) => {
    const x = images[0]?.explanation;
    if (!x) { why.append(make('p', {}, 'The model gives no explanation by attributes.')); return; }
    why.append(explanation(x, images[0].top, o));
    if (!o.draft()) whatIf.append(intervention(item, x, o));
  }).catch(failed(why, ''));
  ask('neighbours/' + item.id).then(({ neighbours }) => {
    near.append(make('h3', {}, 'Nearest training images'), make('ul', { className: 'neighbours' }, ...neighbours.map(n => {
      const img = make('img', { src: training(n.image), alt: '', onerror: () => img.remove() });
      return make('li', {}, img, o.shown(n.class), make('br'), 'similarity ' + n.similarity.toFixed(2));
    })));
  }).catch(failed(near, 'Nearest training images: '));
}

function intervention(item, x, o) {
  const some = [...new Set([...x.for, ...x.against, ...x.seen].map(e => e.attribute))];
  if (!some.length) return '';
  const rest = o.attributes().filter(a => !some.includes(a));
  const option = a => make('option', { value: a }, o.attribute(a));
  const select = make('select', { id: 'what-if' }, make('optgroup', { label: 'Most relevant here' }, ...some.map(option)), make('optgroup', { label: 'Others' }, ...rest.map(option)));
  const slider = make('input', { type: 'range', step: 'any', ariaLabel: 'Value that the model sees', disabled: true });
  const out = make('div', { role: 'status' });
  const go = async value => {
    try {
      const r = await send('intervene', { picture: item.id, attribute: select.value, value });
      if (value === null) {
        Object.assign(slider, { min: r.low - 0.5, max: r.high + 0.5, disabled: false });
        slider.value = r.was;
      }
      const exactly = r.fit > 0.999 ? 'The new probabilities are exact.' : `An approximation: the attributes explain ${(100 * r.fit).toFixed(0)} % of this model's scores here.`;
      out.replaceChildren(make('p', {}, `Estimated value: ${r.was.toFixed(2)}; set to ${r.now.toFixed(2)} (normalised values). ${exactly}`),
        make('div', { className: 'two' }, make('div', {}, make('h4', {}, 'Original'), ranking(r.before, o.shown)), make('div', {}, make('h4', {}, 'With that value'), ranking(r.after, o.shown))));
    } catch (e) {
      out.replaceChildren(make('p', {}, e.message));
    }
  };
  select.onchange = () => go(null);
  slider.oninput = () => go(+slider.value);
  go(null);
  return make('section', { className: 'what-if' }, make('h3', {}, 'What if the model saw another value?'), make('label', { htmlFor: 'what-if' }, 'Attribute'), select, slider, out);
}
