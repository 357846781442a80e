'use strict';

const element = id => document.getElementById(id);
const messages = [];
let running = null;

/** Reads server-sent events from a response; the browser's own EventSource cannot send a conversation. */
async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) {
      return;
    }
    text += value;
    const blocks = text.split(/\r?\n\r?\n/);
    text = blocks.pop();
    for (const block of blocks) {
      const data = block.split(/\r?\n/).filter(line => line.startsWith('data:')).map(line => line.slice(5)).join('\n');
      if (data) {
        yield JSON.parse(data);
      }
    }
  }
}

function add(role, text) {
  const message = document.createElement('p');
  message.className = `message ${role}`;
  message.textContent = text;
  element('conversation').append(message);
  return message;
}

/** Puts the tokens of a cycle into one run, which gets its tint with its second token. */
function show(answer, event) {
  let run = answer.lastElementChild;
  if (!run || run.dataset.cycle !== String(event.cycle)) {
    run = document.createElement('span');
    run.dataset.cycle = event.cycle;
    run.dataset.tokens = 0;
    answer.append(run);
  }
  run.dataset.tokens++;
  run.append(event.text);
  if (run.dataset.tokens > 1) {
    run.className = `run run-${event.cycle % 4}`;
  }
}

function figures(event, drafting) {
  const speed = event.tokensPerSecond ? event.tokensPerSecond.toFixed(1) : '–';
  element('speed').textContent = speed;
  element('tau').textContent = event.tau ? event.tau.toFixed(2) : '–';
  element('tokens').textContent = event.tokens;
  if (!drafting && event.finish) {
    element('plain').textContent = speed;
  }
}

function state(name, words) {
  element('status').dataset.state = name;
  element('status').textContent = words;
  const busy = name === 'answering';
  element('send').hidden = busy;
  element('stop').hidden = !busy;
  element('conversation').setAttribute('aria-busy', busy);
}

function fail(words) {
  element('error').textContent = words;
  element('error').hidden = false;
  state('failed', '');
}

async function ask(question) {
  const drafting = element('drafting').checked;
  element('error').hidden = true;
  messages.push({ role: 'user', content: question });
  add('user', question);
  const answer = add('assistant', '');
  state('answering', 'Answering…');
  running = new AbortController();
  let last = null;
  try {
    const response = await fetch('chat', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Accept: 'text/event-stream' },
      body: JSON.stringify({ messages, drafting }),
      signal: running.signal,
    });
    if (!response.ok) {
      throw new Error(`The server answered ${response.status}.`);
    }
    for await (const event of events(response)) {
      last = event;
      if (event.error) {
        throw new Error(event.error);
      }
      show(answer, event);
      figures(event, drafting);
      answer.scrollIntoView({ block: 'end' });
    }
    if (!last || !last.finish) {
      throw new Error('The answer broke off; the server may have stopped.');
    }
    state('done', last.finish === 'length' ? 'Stopped at the longest answer.' : `Done: ${last.tokens} tokens in ${last.cycle} steps.`);
  } catch (error) {
    if (running.signal.aborted) {
      state('stopped', 'Stopped.');
    } else {
      fail(error.message === 'Failed to fetch' ? 'The server cannot be reached; is it running?' : error.message);
    }
  }
  running = null;
  if (answer.textContent) {
    messages.push({ role: 'assistant', content: answer.textContent });
  } else {
    messages.pop();
    answer.remove();
  }
}

element('ask').addEventListener('submit', event => {
  event.preventDefault();
  const question = element('question').value.trim();
  if (question && !running) {
    element('question').value = '';
    ask(question);
  }
});

element('question').addEventListener('keydown', event => {
  if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    element('ask').requestSubmit();
  }
});

element('stop').addEventListener('click', () => {
  if (running) {
    running.abort();
  }
  element('question').focus();
});

element('clear').addEventListener('click', () => {
  if (running) {
    running.abort();
  }
  messages.length = 0;
  element('conversation').querySelectorAll('.message').forEach(message => message.remove());
  element('error').hidden = true;
  state('idle', '');
  element('question').focus();
});
