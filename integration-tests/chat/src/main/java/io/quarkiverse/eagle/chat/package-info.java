/**
 * The demo: a chat page, and the stream of server-sent events behind it. Uses what any application gets, and the open models
 * themselves, for they show their draft-verify cycles.
 */
package io.quarkiverse.eagle.chat;
