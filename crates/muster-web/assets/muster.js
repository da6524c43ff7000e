// Makes a page live, and saves reloads. Everything works without it: what it takes over are links and forms that lead to whole pages.
'use strict';

const policy = window.trustedTypes?.createPolicy('muster', { createHTML: (html) => html });
const parse = (html) => new DOMParser().parseFromString(policy ? policy.createHTML(html) : html, 'text/html');
const byId = (id) => document.getElementById(id);

// ---- Parts of the page that become others, without what is in somebody's hands being lost.

// Whether forms with something unsaved in them keep all that is typed, whatever comes; `whole`: they stay as they are.
let keeping = false;

// Makes one element what another is, and keeps what people have done to it: the focus, what they typed, what they opened, where they scrolled to.
function become(old, fresh) {
  if (old.isEqualNode(fresh) || old.dataset?.own !== undefined || (keeping === 'whole' && old.dataset?.dirty !== undefined)) return old;
  if (old.nodeName !== fresh.nodeName || old.id !== fresh.id) return old.replaceWith(fresh), fresh;
  if (old instanceof CharacterData) return (old.data = fresh.data), old;
  const isInput = old.matches('input, select, textarea');
  const { value, checked } = fresh;
  const isTheirs = (name) => name === 'open' && old.nodeName === 'DETAILS';
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && !isTheirs(name)) old.removeAttribute(name);
  for (const { name, value } of [...fresh.attributes]) if (old.getAttribute(name) !== value && !(keeping && isTheirs(name))) old.setAttribute(name, value);
  children(old, [...fresh.childNodes]);
  if (isInput && old !== document.activeElement && !(keeping && old.form?.dataset.dirty !== undefined)) {
    if (old.value !== value) old.value = value;
    old.checked = checked;
  }
  return old;
}

// Gives an element these children; those that have an id are found again wherever they were.
function children(parent, fresh) {
  let at = parent.firstChild;
  for (const next of fresh) {
    const known = next.id && byId(next.id);
    if (known && known.parentNode === parent) {
      if (known === at) at = at.nextSibling;
      else parent.insertBefore(known, at);
      become(known, next);
    } else if (at && !at.id && !next.id && at.nodeName === next.nodeName) {
      const rest = at.nextSibling;
      become(at, next);
      at = rest;
    } else parent.insertBefore(next, at);
  }
  for (let rest; at; at = rest) (rest = at.nextSibling), at.remove();
}

// What is moved loses the focus.
const refocus = (held) => held?.isConnected && held !== document.activeElement && held.focus({ preventScroll: true });

// ---- Times are shown in the browser's own zone, in which a day ends when people think so.

const hours = { hour: '2-digit', minute: '2-digit', hour12: false };
const forms = { clock: { ...hours, second: '2-digit' }, day: { ...hours, day: 'numeric', month: 'short' } };
function localize(within) {
  for (const time of within.querySelectorAll('time[datetime]')) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    time.title = at.toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'long' });
    const form = time.dataset.form === 'clock' || at.toDateString() === new Date().toDateString() ? forms.clock : forms.day;
    if (time.dataset.form) time.textContent = at.toLocaleString('en-GB', form);
  }
}

// ---- The stream of changes.

let stream, silence, wait = 1000;
const SILENT_MS = 25000;

function say(state, words) {
  const shown = byId('live-state');
  if (shown && shown.textContent !== words) [shown.dataset.state, shown.textContent] = [state, words];
}

function heard() {
  say('live', 'live');
  wait = 1000;
  clearTimeout(silence);
  silence = setTimeout(lost, SILENT_MS);
}

async function lost() {
  close();
  if (document.hidden) return;
  say('lost', 'connection lost: what you see may be old');
  await new Promise((go) => setTimeout(go, wait));
  wait = Math.min(wait * 2, 15000);
  ask();
}

// Whoever is signed out, or looks at what is gone, hears so from the page itself. Signed out, they see nothing any more but what they have not saved.
async function ask() {
  const answer = await fetch(document.body.dataset.live, { redirect: 'manual', cache: 'no-store' }).catch(() => null);
  if (answer?.type !== 'opaqueredirect' && answer?.status !== 401) return [403, 404].includes(answer?.status) ? say('lost', 'this is gone, or not yours to see') : follow();
  close();
  if (!unsaved()) return location.reload();
  say('lost', 'signed out: sign in in another tab, and nothing you typed is lost');
}

// A tab that comes to the sign-in tells the others, which then ask whether they are signed out, too.
const tabs = new BroadcastChannel('muster');
tabs.onmessage = () => document.body.dataset.live && ask();
if (location.pathname === '/sign-in') tabs.postMessage('');

const close = () => (clearTimeout(silence), stream?.close());

function follow() {
  close();
  const { live, seen } = document.body.dataset;
  if (!live || document.hidden) return;
  stream = new EventSource(`/live?${new URLSearchParams({ at: live, seen: seen ?? '' })}`);
  stream.onerror = lost;
  stream.addEventListener('beat', ({ data }) => {
    heard();
    if (data !== document.body.dataset.version) notice('The coordinator was updated.', 'Reload', () => location.reload());
  });
  stream.addEventListener('change', ({ data }) => (heard(), change(JSON.parse(data))));
}

function change({ title, elements = [], orders = [] }) {
  // From now on the page is another one than that which its mark names.
  document.body.dataset.seen = '';
  if (title !== undefined) document.title = `${title} · Muster`;
  const held = document.activeElement;
  const fresh = new Map(elements.map(([id, html]) => [id, parse(/^<t/.test(html) ? `<table>${html}</table>` : html).getElementById(id)]));
  keeping = 'whole';
  for (const [id, element] of fresh) {
    const old = byId(id);
    if (!old || !element) continue;
    // A form with something unsaved in it stays, and so does one that says what came of sending it.
    if (old.dataset.dirty === undefined && old.dataset.answered === undefined) localize(fresh.set(id, become(old, element)).get(id));
    else if (old.elements.etag?.value !== element.elements.etag?.value) notice('Somebody else has changed this meanwhile. What you have typed stays; when you save, both are shown.');
  }
  keeping = false;
  for (const [id, order] of orders) {
    const list = byId(id);
    if (!list) continue;
    children(list, order.map((item) => byId(item) ?? fresh.get(item)).filter(Boolean));
    localize(list);
  }
  refocus(held);
}

// ---- Links and forms, without a reload.

let visits = 0, typing;
const unsaved = () => document.querySelector('form[data-dirty]');
// Whoever leaves has nothing in hand any more: a field with the focus would become one of another form, with what it says.
const mayLeave = () => (!unsaved() || confirm('What you have typed is not saved. Leave it?')) && (document.querySelector('[data-guard] :focus')?.blur(), true);

// `form` is what is being sent: it is not sent again before there is an answer. `top` is how far down they were who come back.
async function visit(url, request = {}, { replace = false, look = false, form, top = 0 } = {}) {
  const [mine, y] = [++visits, scrollY];
  clearTimeout(typing);
  if (!look) document.body.dataset.busy = '';
  if (form) form.inert = true;
  const answer = await fetch(url, { ...request, headers: { accept: 'text/html' } }).catch(() => null);
  if (form) form.inert = false;
  delete document.body.dataset.busy;
  if (mine !== visits) return;
  if (look && !answer?.ok) return;
  if (!answer) return notice(`The coordinator does not answer${request.method ? ': whether it has done this is not known. What you typed is still here: look, and send it again if it was not done' : '. Try again in a moment'}.`);
  const fresh = parse(await answer.text());
  if (!fresh.body.dataset.live) {
    // No view: what went wrong stands in its place, and what was typed stays.
    if (answer.ok || (answer.status === 401 && !request.method)) return location.assign(answer.url);
    if (answer.status === 401) return notice('You are signed out: nothing was changed, and nothing you typed is lost. Sign in in another tab, and send it again.', 'Sign in', () => window.open('/sign-in'));
    const what = [...fresh.querySelectorAll('main h1, main p:not(.word)')].map((part) => part.textContent.trim());
    return notice(what.join(': '));
  }
  const held = document.activeElement;
  // Whoever closes a panel goes on where they had opened it.
  const opener = byId('panel') && (document.querySelector('[data-current] :is(h3, th) a') ?? document.body);
  keeping = look;
  become(document.body, fresh.body);
  keeping = false;
  const isClosed = opener && !byId('panel');
  refocus(isClosed && document.activeElement === document.body ? opener : held);
  if (!look && !request.method) {
    if (opener || byId('panel')) (isClosed ? opener : document.querySelector('[data-current]'))?.scrollIntoView({ block: 'nearest' });
    else scrollTo(0, top);
  }
  document.title = fresh.title;
  localize(document.body);
  // What a form is answered with may be a view that has another address.
  const at = fresh.body.dataset.live;
  if (!replace) history.replaceState({ y }, '');
  if (at !== location.pathname + location.search) history[replace ? 'replaceState' : 'pushState']({}, '', at);
  if (request.method && !look) document.querySelector('#answer[tabindex]')?.focus();
  if (!opener) byId('panel')?.querySelector('a.close')?.focus();
  document.querySelector('main [autofocus]')?.focus();
  follow();
}

function notice(text, word, act) {
  const shown = byId('notice');
  const button = document.createElement('button');
  button.textContent = word ?? 'Dismiss';
  button.onclick = () => (shown.replaceChildren(), act?.());
  shown.replaceChildren(text, button);
}

const isPlain = (event) => event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;

document.addEventListener('click', (event) => {
  const copy = event.target.closest('[data-copy]');
  if (copy) return navigator.clipboard.writeText(copy.dataset.copy).then(() => notice('Copied.'), () => notice(copy.dataset.copy));
  const link = event.target.closest('a[href]');
  if (!link || !isPlain(event) || link.origin !== location.origin || link.hasAttribute('download')) return;
  // A place in this page: gone to without an entry in the history, which would lead back to the page as it was sent.
  if (link.hash) {
    const place = [byId(link.hash.slice(1)), byId('panel')].find((place) => place?.checkVisibility());
    if (!place) return;
    event.preventDefault();
    if (place.tabIndex < 0) place.tabIndex = -1;
    return place.focus();
  }
  if (!document.body.dataset.live || link.pathname.startsWith('/sign-in')) return;
  event.preventDefault();
  // More of a list is nothing to leave for.
  const more = link.dataset.more !== undefined;
  if (!more && !mayLeave()) return;
  link.closest('[popover]')?.hidePopover();
  visit(link.href, {}, { replace: more, look: more && 'whole' });
});

document.addEventListener('submit', (event) => {
  const form = event.target;
  if (form.dataset.plain !== undefined || !document.body.dataset.live) return;
  event.preventDefault();
  if (form !== unsaved() && unsaved() && !mayLeave()) return form.reset();
  const said = new URLSearchParams(new FormData(form, event.submitter));
  if (form.method === 'post') return visit(form.action, { method: 'POST', body: said }, { form });
  const query = new URLSearchParams([...said].filter(([, value]) => value)).toString();
  visit(form.action + (query ? `?${query}` : ''), {}, { replace: true });
});

// A form that only chooses what is shown is sent as soon as it says something else. One that is to be saved may be looked at: what follows from what is
// typed so far is shown, and nothing that is typed is touched.
document.addEventListener('input', ({ target }) => {
  const form = target.form;
  clearTimeout(typing);
  // What no pattern of a text area can say: a secret within JSON that is no reference.
  if (target.dataset.leak) target.setCustomValidity(new RegExp(target.dataset.leak).test(target.value) ? target.title : '');
  if (form?.dataset.liveForm !== undefined) typing = setTimeout(() => form.requestSubmit(), target.type === 'search' ? 250 : 0);
  if (form?.dataset.guard === undefined) return;
  form.dataset.dirty = '';
  if (form.dataset.look === undefined) return;
  visits++;
  typing = setTimeout(() => look(form), 400);
});

function look(form) {
  // A secret in plain text stays here. Between what somebody typed and what others saved meanwhile it is the whole that is chosen, and sent.
  if (!form.isConnected || form.inert || !form.checkValidity() || form.querySelector('.theirs')) return;
  const said = new URLSearchParams([...new FormData(form), ['do', 'look']]);
  visit(form.action, { method: 'POST', body: said }, { look: true, replace: true });
}

window.addEventListener('beforeunload', (event) => unsaved() && event.preventDefault());

document.addEventListener('keydown', (event) => {
  if (/^k$/i.test(event.key) && (event.ctrlKey || event.metaKey) && byId('q')) (event.preventDefault(), byId('q').focus());
  if (event.key === 'Escape' && !event.target.matches('input, textarea, select')) byId('panel')?.querySelector('a.close')?.click();
  if (event.key.startsWith('Arrow') && event.target.matches('.tile a, .integrations th a')) step(event);
});

// The arrows go from tile to tile as they stand.
function step(event) {
  const links = [...document.querySelectorAll('.tile h3 a, .integrations th a')];
  const tops = links.map((link) => link.closest('.tile, tr').offsetTop);
  const columns = Math.max(1, tops.filter((top) => top === tops[0]).length);
  const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
  const next = links[links.indexOf(event.target) + by];
  if (next) (event.preventDefault(), next.focus());
}

// What stands below the end of a list is fetched when somebody gets there.
const below = new IntersectionObserver((seen) => {
  for (const { isIntersecting, target } of seen) {
    if (!isIntersecting || target.dataset.asked !== undefined) continue;
    target.dataset.asked = '';
    target.click();
  }
}, { rootMargin: '200px' });
const seek = () => {
  below.disconnect();
  document.querySelectorAll('[data-more]').forEach((link) => below.observe(link));
  // Without a script it is the browser that brings back what was typed, which here would not be known to be unsaved.
  document.querySelectorAll('[data-guard]').forEach((form) => (form.autocomplete = 'off'));
};
new MutationObserver(seek).observe(document.documentElement, { childList: true, subtree: true });

window.addEventListener('popstate', ({ state }) => (mayLeave() ? visit(location.href, {}, { replace: true, top: state?.y }) : history.pushState({}, '', document.body.dataset.live)));
document.addEventListener('visibilitychange', () => (document.hidden ? close() : follow()));
localize(document.body);
seek();
follow();
