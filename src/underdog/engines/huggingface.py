"""The `hf` engine: a transformers checkpoint, by hub id or folder, answering chat requests in this process.

    engine = HuggingFaceEngine("Qwen/Qwen3-0.6B", adapter="runs/lora")
    answers = await engine.generate(requests)

This module is the engine seen from the driver: requests into rows of tokens, rows into Answers. Prompts are
made in `hf_prompt`, decoding is in `hf_decode`, what constrains it in `hf_constrain`, the thread in
`hf_worker`, loading in `hf_checkpoint`, text in `hf_text`. Code from a checkpoint's repository is never run.
Only the request's Sampling counts: sampling defaults that a checkpoint brings along (top_k, repetition
penalty) are not applied.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
from bisect import bisect_left
from collections.abc import AsyncGenerator, Callable, Sequence
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING

from underdog.answerer import Answer, Failure, Request, TokenLogprob
from underdog.constraint import Unmet
from underdog.engines import Delta, Facts
from underdog.engines.hf_checkpoint import DTYPES, Checkpoint, Loaded, load, load_tokenizer, need
from underdog.engines.hf_constrain import Grammars, Guide, demanded
from underdog.engines.hf_prompt import Prompt, Prompts
from underdog.engines.hf_text import Unfolding, read_tool_calls, split_reasoning
from underdog.engines.hf_worker import Desk, Job, Result, Worker
from underdog.engines.stops import cut_at_stop, keeps_stop
from underdog.errors import ConfigError
from underdog.trial import Spend

if TYPE_CHECKING:
    from underdog.engines.hf_decode import Decoder, Row

_HELLO = Request(({"role": "user", "content": "Hello"},)).sampled(max_tokens=1)


class HuggingFaceEngine:
    """A local checkpoint as an Engine. Nothing is read before the first use.

    Args:
        path_or_id: folder of a checkpoint in Hugging Face format, or hub id.
        revision: branch, tag or commit of a hub id; None is its default branch.
        adapter: folder or hub id of a PEFT adapter of weights (LoRA and its kin).
        dtype: float32, bfloat16 or float16; None is the checkpoint's own on an accelerator, and float32 on
            a CPU for models below two billion parameters.
        name: what answers say produced them; None is `path_or_id`.
        device: "cpu", "cuda", "cuda:1" …; None is the first CUDA device, else the CPU.
        batch_tokens: most rows x tokens in one batch, which bounds the cache's memory; None is what fits
            into a quarter of the memory that is free when the model has been loaded.
    """

    concurrency = 256
    batch = 64
    same_prompt = False
    billed = True

    def __init__(
        self,
        path_or_id: str,
        *,
        revision: str | None = None,
        adapter: str | None = None,
        dtype: str | None = None,
        name: str | None = None,
        device: str | None = None,
        batch_tokens: int | None = None,
    ) -> None:
        dtype = None if dtype == "auto" else dtype
        if dtype is not None and dtype not in DTYPES:
            raise ConfigError(
                f"model {path_or_id!r}: dtype must be one of {', '.join(DTYPES)}; got {dtype!r}"
            )
        self.checkpoint = Checkpoint(path_or_id, revision, adapter, dtype)
        self.name = name or path_or_id
        self.device = device
        self.batch_tokens = batch_tokens
        self._loaded: Loaded | None = None
        self._grammars: Grammars | None = None
        self._prompts = self._new_prompts()
        self._worker = Worker(Desk(self._open, self._row, self._answer))
        self._token_texts: dict[int, str] = {}

    @cached_property
    def fingerprint(self) -> str:
        """Hash of weights, tokenizer and configuration, or the hub's commit; needs no torch for a folder."""
        return self.checkpoint.fingerprint()

    async def generate(self, requests: Sequence[Request]) -> list[Answer | Failure]:
        """Answers in the order of the requests.

        Raises:
            ConfigError: a package is missing, or the checkpoint or adapter cannot be had.
        """
        loop = asyncio.get_running_loop()
        futures: list[asyncio.Future[Answer | Failure]] = [loop.create_future() for _ in requests]
        jobs = [Job(request, loop, _into(future)) for request, future in zip(requests, futures, strict=True)]
        self._worker.submit(jobs)
        try:
            results = await asyncio.gather(*futures, return_exceptions=True)
        except asyncio.CancelledError:
            for job in jobs:
                job.cancel()
            raise
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return results  # type: ignore[return-value]  # exceptions were raised above

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        """The answer's text as it is certain: whole characters, nothing that may become a stop string.

        Reasoning is not streamed; it comes with the Answer. The pieces joined are the Answer's text.
        """
        pieces: asyncio.Queue[Delta | BaseException] = asyncio.Queue()

        def deliver(result: Result) -> None:
            if isinstance(result, Answer):
                pieces.put_nowait(Delta(answer=result))
            elif isinstance(result, Failure):
                pieces.put_nowait(Delta(failure=result))
            else:
                pieces.put_nowait(result)

        given = ""
        job = Job(
            request,
            asyncio.get_running_loop(),
            deliver,
            emit=lambda text: pieces.put_nowait(Delta(text)),
        )
        self._worker.submit([job])
        try:
            while True:
                delta = await pieces.get()
                if isinstance(delta, BaseException):
                    raise delta
                if delta.answer is not None:
                    yield Delta(delta.answer.text[len(given) :], answer=delta.answer)
                    return
                given += delta.text
                yield delta
                if delta.failure is not None:
                    return
        finally:
            job.cancel()

    def bound(self, request: Request) -> Spend:
        """The prompt counted with the checkpoint's tokenizer, and `max_tokens` generated."""
        prompt = self._prompts.of(request)
        tokens_in = 0 if isinstance(prompt, Failure) else len(prompt.tokens)
        return self._spend(tokens_in, request.sampling.max_tokens)

    def price(self, spend: Spend) -> Spend:
        """As it is: local calls cost FLOPs and seconds, not dollars."""
        return spend

    def identity(self, request: Request) -> str:
        return request.digest

    def versions(self) -> dict[str, str]:
        """Versions of the packages, and the dtype and device once the model is loaded."""
        found = {}
        for package in ("torch", "transformers", "peft", "llguidance"):
            try:
                found[package] = version(package)
            except PackageNotFoundError:
                continue
        if self._loaded is not None:
            found |= {"dtype": self._loaded.dtype, "device": self._loaded.device}
        return found

    async def check(self) -> Facts:
        """Load the model and make it write one token."""
        destination = "local: nothing leaves this machine"
        try:
            (result,) = await self.generate([_HELLO])
        except ConfigError as error:
            return Facts(False, destination, note=str(error))
        if isinstance(result, Failure) or self._loaded is None:
            return Facts(False, destination, note=getattr(result, "message", "the engine was closed"))
        loaded = self._loaded
        template = str(loaded.tokenizer.chat_template)
        forms = dict.fromkeys(("json_schema", "choices"), find_spec("llguidance") is not None)
        supports = {"logprobs": True, "tools": "tools" in template, **forms, "stream": True}
        note = f"{loaded.parameters / 1e6:,.1f}M parameters, {loaded.dtype} on {loaded.device}"
        return Facts(True, destination, supports, note)

    async def close(self) -> None:
        """Stop the thread and free the model; a later request loads it again."""
        await asyncio.to_thread(self._worker.close)
        on_cuda = self._loaded is not None and self._loaded.device.startswith("cuda")
        self._loaded = self._grammars = None
        self._prompts = self._new_prompts()
        gc.collect()
        if on_cuda:
            need("torch").cuda.empty_cache()

    def _new_prompts(self) -> Prompts:
        return Prompts(lambda: load_tokenizer(self.checkpoint.source()), self.name)

    # Below: called by the worker's thread.

    def _open(self) -> Decoder:
        need("torch")
        need("transformers")
        from underdog.engines.hf_decode import Decoder, room_for, set_threads

        loaded = load(self.checkpoint, self._prompts.tokenizer, self.device)
        self._loaded = loaded
        if loaded.device == "cpu":
            set_threads(loaded.parameters)
        return Decoder(loaded.model, loaded.end, self.batch_tokens or room_for(loaded.model))

    def _decode(self, tokens: Sequence[int]) -> str:
        text: str = self._prompts.tokenizer.decode(
            tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text

    def _row(self, job: Job) -> Row | Failure:
        from underdog.engines.hf_decode import Row

        prompt = self._prompts.of(job.request)
        if isinstance(prompt, Failure):
            return prompt
        sampling = job.request.sampling
        context = self._loaded.context if self._loaded else None
        room = context - len(prompt.tokens) if context else sampling.max_tokens
        if room < 1:
            return Failure(
                "too_long",
                f"the prompt has {len(prompt.tokens)} tokens and {self.name} reads at most {context}",
            )
        row = Row(prompt.tokens, sampling, min(sampling.max_tokens, room), _seed(job.request))
        if sampling.stop or job.emit:
            row.watch = _watch(job, Unfolding(self._decode, sampling.stop, prompt.thinking, given=job.given))
        try:
            row.guide = self._guide(job.request, prompt)
        except (Unmet, ConfigError) as error:
            return Failure("bad_request", f"{self.name}: {error}")
        return row

    def _guide(self, request: Request, prompt: Prompt) -> Guide | None:
        """What holds the answer to the form that the request demands."""
        loaded = self._loaded
        assert loaded is not None
        asked = demanded(request, str(loaded.tokenizer.chat_template))
        if asked is None:
            return None
        if self._grammars is None:
            width = loaded.model.config.get_text_config(decoder=True).vocab_size
            self._grammars = Grammars(loaded.tokenizer, loaded.end, width)
        return self._grammars.guide(asked, self._decode if prompt.thinking else None)

    def _answer(self, job: Job, row: Row) -> Answer | Failure:
        if row.guide is not None and row.guide.fault:
            spend = self._spend(len(row.prompt), len(row.tokens), row.cached, seconds=row.seconds)
            return Failure("bad_request", f"{self.name}: {row.guide.fault}", spend=spend)
        request, prompt = job.request, self._prompts.of(job.request)
        end = self._loaded.end if self._loaded else frozenset()
        written = row.tokens[:-1] if row.tokens[-1] in end else row.tokens
        raw = self._decode(written)
        opened = isinstance(prompt, Prompt) and prompt.thinking
        reasoning, visible = split_reasoning(raw, opened, done=True)
        text, cut = cut_at_stop(visible, request.sampling.stop, keeps_stop(request))
        start = len(raw) - len(visible)  # where the visible text starts in the raw one
        first = self._tokens_of(written, start)
        last = self._tokens_of(written, start + len(text)) if cut else len(written)
        calls = read_tool_calls(text, request.digest[:8]) if request.tools else ()
        finish = row.finish or "stop"
        return Answer(
            text,
            calls,
            finish="tool_calls" if calls and finish == "stop" else finish,
            logprobs=self._logprobs(row, first, last) if request.sampling.logprobs else None,
            reasoning=reasoning,
            spend=self._spend(
                len(row.prompt), len(row.tokens), row.cached, first if reasoning else 0, row.seconds
            ),
            model=self.name,
        )

    def _tokens_of(self, tokens: Sequence[int], characters: int) -> int:
        """How many tokens it takes to write so many characters."""
        if characters == 0:
            return 0
        return bisect_left(
            range(len(tokens)), characters, key=lambda count: len(self._decode(tokens[:count]))
        )

    def _logprobs(self, row: Row, first: int, last: int) -> tuple[TokenLogprob, ...]:
        told = []
        for i in range(first, last):
            top = tuple((self._token_text(t), value) for t, value in row.top[i]) if row.top else ()
            told.append(TokenLogprob(self._token_text(row.tokens[i]), row.logprobs[i], top))
        return tuple(told)

    def _token_text(self, token: int) -> str:
        known = self._token_texts.get(token)
        if known is None:
            written = self._prompts.tokenizer.decode([token], clean_up_tokenization_spaces=False)
            spaced = str(self._prompts.tokenizer.convert_ids_to_tokens(token)).startswith("▁")
            known = self._token_texts[token] = " " + written if spaced and written[:1] != " " else written
        return known

    def _spend(
        self, tokens_in: int, tokens_out: int, cached: int = 0, hidden: int = 0, seconds: float = 0.0
    ) -> Spend:
        parameters = self._loaded.parameters if self._loaded else 0
        return Spend(
            calls=1,
            tokens_in=tokens_in,
            tokens_cached=cached,
            tokens_out=tokens_out,
            tokens_reasoning=hidden,
            seconds=seconds,
            flops=2.0 * parameters * (tokens_in - cached + tokens_out),
        )


def _into(future: asyncio.Future[Answer | Failure]) -> Callable[[Result], None]:
    def deliver(result: Result) -> None:
        if future.done():
            return
        if isinstance(result, BaseException):
            future.set_exception(result)
        else:
            future.set_result(result)

    return deliver


def _watch(job: Job, unfolding: Unfolding) -> Callable[[int], bool]:
    def watch(token: int) -> bool:
        complete = unfolding.push(token)
        if job.emit is not None and (piece := unfolding.fresh()):
            job.given += len(piece)
            job.post(job.emit, piece)
        return complete

    return watch


def _seed(request: Request) -> int:
    """The row's own: what is asked, which draw it is and the asked seed (part of the digest) decide it."""
    text = f"{request.digest}{request.sample}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
