//! WHAT SHOULD HAPPEN: the facts of a task and the rules over them.
//!
//! Pure: nothing here reads a clock, a disk, a process or the environment; `now` comes in as an argument.

mod approval;
mod causes;
mod digest;
mod event;
mod failure;
mod harmless;
mod health;
mod id;
mod nearest;
mod outcome;
mod plan;
mod record;
mod repair;
mod retry;
mod run;
mod scalar;
mod schema;
mod spec;
mod supervise;
mod task;
mod template;
mod transition;
mod usage;
mod workspace;

pub use approval::{Giver, Question, RefusedAnswer, Review, ReviewedStep, Unattended, Word};
pub use causes::{causes, with_causes};
pub use digest::{Digest, Terminal};
pub use event::{AgentEvent, EventRecord, FileChange, NoticeLevel};
pub use failure::{Category, Failure};
pub use harmless::{marked, sanitise};
pub use health::{Health, HealthView, health};
pub use id::{BackendName, InvalidTaskRef, TaskId, TaskRef};
pub use nearest::{nearest, nearest_few};
pub use outcome::{Evidence, Outcome, judge};
pub use plan::{Busy, Candidate, Limits, Plan, overlap};
pub use record::{Attempt, AttemptEnd, Task};
pub use repair::{MOST_REPAIRS, Mending, mending_of, repair_prompt, used_up};
pub use retry::retry_after;
pub use run::{Run, RunId, RunStatus, RunStep, StepStatus};
pub use scalar::{Bytes, Money, Span, Timestamp};
pub use schema::{for_each_mapping, without_null};
pub use spec::{Lineage, TaskSpec, Words};
pub use supervise::supervise;
pub use task::{Acceptance, Check, Effort, Ending, HoldReason, Posture, State, Status, Verification, WaitingOn};
pub use template::{InvalidTemplateName, TemplateName, is_file_name};
pub use transition::{Input, Next, Refusal, decide};
pub use usage::{Cost, CostSource, Tokens, Usage, UsageReport, UsageScope};
pub use workspace::{ArchiveLimits, ArchiveScope, Coverage, Isolation, NotCovered};
