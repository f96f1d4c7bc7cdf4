// tidings: three custom elements that show what people said, and keep it fresh while the page is open.
//   <tidings-thread page="/posts/hello/" order="newest"><a href="…">Replies</a></tidings-thread>
//   <tidings-counts page="/posts/hello/"></tidings-counts>
//   <tidings-follow actor="blog"></tidings-follow>
// Without an attribute they speak of the page they stand on, and of the first actor. What stands inside stays when
// there is no script, or no answer. Everything comes from the server that this script came from.

const base = new URL(".", import.meta.url);
const style = new URL("tidings.css", base).href;
// Under `require-trusted-types-for 'script'` markup must come from a policy; ours takes only what our own server sent.
const policy = globalThis.trustedTypes?.createPolicy?.("tidings", { createHTML: (html) => html });

function dress() {
  if ([...document.styleSheets].some((sheet) => sheet.href === style)) return;
  if (document.querySelector("link[data-tidings]")) return;
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = style;
  link.dataset.tidings = "";
  document.head.append(link);
}

// By what a piece of a fragment is known again: a reply and a face by whose they are, all else by kind and place.
function name(node) {
  const link = node.matches?.("li") && node.querySelector(".tidings-when, a");
  return `${node.nodeName} ${node.className ?? ""} ${link ? link.getAttribute("href") : ""}`;
}

// Makes `old` what `now` is and touches nothing else: the focus, what is selected or unfolded, and the place where the
// reader is stay.
function amend(old, now) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== now.data) old.data = now.data;
    return;
  }
  if (old.isEqualNode(now)) return;
  for (const { name } of [...old.attributes]) {
    if (name !== "open" && !now.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of now.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  fill(old, now);
}

function fill(old, now) {
  const known = new Map();
  for (const child of old.childNodes) known.set(name(child), [...(known.get(name(child)) ?? []), child]);
  const wanted = [...now.childNodes].map((child) => [child, known.get(name(child))?.shift()]);
  for (const child of [...known.values()].flat()) child.remove();
  let at = old.firstChild;
  for (const [child, same] of wanted) {
    if (same) amend(same, child);
    // A moved element would lose the focus: what is moved is the space between.
    while (same instanceof Element && at && at.nodeType !== Node.ELEMENT_NODE) at = at.nextSibling;
    if (same && same === at) at = at.nextSibling;
    else old.insertBefore(same ?? child, at);
  }
}

class Fragment extends HTMLElement {
  connectedCallback() {
    dress();
    this.load();
  }

  get subject() {
    return this.getAttribute("page") || location.pathname;
  }

  get address() {
    return new URL(`${this.constructor.kind}?page=${encodeURIComponent(this.subject)}`, base);
  }

  async load() {
    try {
      const answer = await fetch(this.address, { credentials: "omit" });
      if (!answer.ok) return;
      const html = await answer.text();
      if (!html.trim() || html === this.shown) return;
      this.shown = html;
      const template = document.createElement("template");
      template.innerHTML = policy ? policy.createHTML(html) : html;
      fill(this, template.content);
    } catch {
      // No answer: what stands inside stays.
    }
  }
}

// A stream for each page that is shown, and none while nobody looks.
const streams = new Map();

class Live extends Fragment {
  connectedCallback() {
    super.connectedCallback();
    this.watch = () => (document.hidden ? this.rest() : this.listen());
    document.addEventListener("visibilitychange", this.watch);
    this.watch();
  }

  disconnectedCallback() {
    document.removeEventListener("visibilitychange", this.watch);
    this.rest();
  }

  listen() {
    if (this.stream) return;
    this.stream = this.subject;
    let entry = streams.get(this.stream);
    if (!entry) {
      const source = new EventSource(new URL(`../events?page=${encodeURIComponent(this.stream)}`, base));
      entry = { source, elements: new Set(), timer: 0 };
      // Several changes at once are one.
      source.addEventListener("change", () => {
        clearTimeout(entry.timer);
        entry.timer = setTimeout(() => entry.elements.forEach((element) => element.load()), 400);
      });
      streams.set(this.stream, entry);
    } else {
      this.load();
    }
    entry.elements.add(this);
  }

  rest() {
    const entry = streams.get(this.stream);
    if (entry) {
      entry.elements.delete(this);
      if (!entry.elements.size) {
        clearTimeout(entry.timer);
        entry.source.close();
        streams.delete(this.stream);
      }
    }
    this.stream = undefined;
  }
}

class Thread extends Live {
  static kind = "thread";

  get address() {
    const address = super.address;
    const order = this.getAttribute("order");
    if (order) address.search += `&order=${encodeURIComponent(order)}`;
    return address;
  }
}

// A list of posts has many of these: they don't listen.
class Counts extends Fragment {
  static kind = "counts";
}

class Follow extends Fragment {
  get address() {
    const actor = this.getAttribute("actor");
    return new URL(actor ? `follow?actor=${encodeURIComponent(actor)}` : "follow", base);
  }
}

for (const [name, element] of [["thread", Thread], ["counts", Counts], ["follow", Follow]]) {
  if (!customElements.get(`tidings-${name}`)) customElements.define(`tidings-${name}`, element);
}

// On the form that sends readers to their own server: what they wrote is remembered in this browser, if they want that,
// and nowhere else.
const field = document.querySelector(".tidings-interact #tidings-handle");
const keep = document.querySelector(".tidings-interact #tidings-remember");
if (field && keep) {
  const name = "tidings-home";
  try {
    const known = localStorage.getItem(name);
    if (known && !field.value) field.value = known;
    keep.checked = Boolean(known);
    field.form.addEventListener("submit", () => {
      if (keep.checked) localStorage.setItem(name, field.value.trim());
      else localStorage.removeItem(name);
    });
    keep.parentElement.hidden = false;
  } catch {
    // Without storage there is nothing to offer.
  }
}
